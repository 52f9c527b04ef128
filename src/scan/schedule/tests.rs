//! Random trees under random interleavings: everything leaves, once, in order, within the bounds, and never stands still.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Node {
    File,
    Folder(Vec<Node>),
}

fn tree() -> impl Strategy<Value = Vec<Node>> {
    let files = |most| prop::collection::vec(Just(Node::File), 0..most).prop_map(Node::Folder);
    let leaf = prop_oneof![4 => Just(Node::File), 1 => files(3), 1 => files(90)];
    let node = leaf.prop_recursive(5, 300, 20, |inner| prop::collection::vec(inner, 0..20).prop_map(Node::Folder));
    prop::collection::vec(node, 0..20)
}

fn bounds() -> impl Strategy<Value = Bounds> {
    (1_usize..4, 0_usize..6, 1_usize..5, 1_usize..40).prop_map(|(first_span, more, spans, bytes)| Bounds {
        first_span,
        most_span: first_span + more,
        spans,
        bytes,
    })
}

/// What stands at a place of the tree.
fn at<'a>(tree: &'a [Node], key: &[u32]) -> &'a [Node] {
    key.iter().fold(tree, |nodes, place| match &nodes[*place as usize] {
        Node::Folder(nodes) => nodes,
        Node::File => panic!("a file is listed"),
    })
}

/// The keys of all files, in order; a name spells its key.
fn names(nodes: &[Node], key: &mut Key, names: &mut Vec<String>) {
    for (place, node) in nodes.iter().enumerate() {
        key.push(u32::try_from(place).unwrap());
        match node {
            Node::File => names.push(format!("{key:?}")),
            Node::Folder(nodes) => self::names(nodes, key, names),
        }
        key.pop();
    }
}

fn listing(tree: &[Node], key: &[u32]) -> Listing {
    let nodes = at(tree, &key[1..]);
    let entry = |(place, node): (usize, &Node)| {
        let whole: Key = key[1..].iter().copied().chain([u32::try_from(place).unwrap()]).collect();
        let role = if matches!(node, Node::File) { Role::Wanted } else { Role::Descend };
        (format!("{whole:?}").into_bytes(), role)
    };
    Listing::of_entries(nodes.iter().enumerate().map(entry))
}

/// What a worker holds.
enum Holds {
    Listing(Key),
    Describing(Key),
    /// The names that are still to be handed over.
    Working(Key, VecDeque<String>),
}

const OUTPUT_BYTES: usize = 10;

struct Machine<'a> {
    tree: &'a [Node],
    bounds: Bounds,
    ordered: bool,
    schedule: Schedule<String>,
    workers: Vec<Option<Holds>>,
    asked: Vec<Key>,
    left: Vec<String>,
    /// What of the span at the head has left.
    of_head: usize,
}

impl<'a> Machine<'a> {
    fn new(tree: &'a [Node], bounds: Bounds, workers: usize, (ordered, masked): (bool, bool)) -> Self {
        let mut schedule = Schedule::new(ordered, masked, bounds);
        schedule.add_folder(vec![0], PendingFolder::of_nothing());
        let workers = (0..workers).map(|_| None).collect();
        Self { tree, bounds, ordered, schedule, workers, asked: Vec::new(), left: Vec::new(), of_head: 0 }
    }

    fn names(runs: &[Run]) -> VecDeque<String> {
        let of = |run: &Run| {
            let entries = run.listing.entries[run.from..run.to].iter();
            entries.map(|entry| String::from_utf8(run.listing.name(entry).to_vec()).unwrap()).collect::<Vec<_>>()
        };
        runs.iter().flat_map(of).collect()
    }

    /// One worker goes one step further. Whether it could.
    fn step(&mut self, worker: usize) -> bool {
        match self.workers[worker].take() {
            None => {
                self.workers[worker] = match self.schedule.next_task() {
                    None => return false,
                    Some(Task::List(key, _)) => Some(Holds::Listing(key)),
                    Some(Task::Describe(key, _)) => Some(Holds::Describing(key)),
                    Some(Task::Work(key, work)) => Some(Holds::Working(key, Self::names(&work.runs))),
                };
                assert!(self.schedule.slots.len() <= self.bounds.spans + 1, "more spans than may be ahead");
            }
            Some(Holds::Listing(key)) => self.schedule.add_listing(&key, listing(self.tree, &key)),
            Some(Holds::Describing(key)) => self.asked.push(key),
            Some(Holds::Working(key, mut names)) => match names.front() {
                None => self.schedule.finish_span(&key),
                Some(_) if !self.schedule.admits(&key) => {
                    self.workers[worker] = Some(Holds::Working(key, names));
                    return false;
                }
                Some(_) => {
                    let name = names.pop_front().unwrap();
                    self.schedule.add_output(&key, name, OUTPUT_BYTES);
                    assert!(self.schedule.bytes <= self.bounds.bytes + 2 * OUTPUT_BYTES, "more bytes than may wait");
                    self.workers[worker] = Some(Holds::Working(key, names));
                }
            },
        }
        true
    }

    /// The caller takes a result. Whether there was one.
    fn take(&mut self, again: &mut Option<usize>) -> bool {
        match self.schedule.leave() {
            None => false,
            Some(Leaving::Output(key, name)) => {
                if *again == Some(self.left.len()) {
                    *again = None;
                    self.left.truncate(self.left.len() - self.of_head);
                    self.of_head = 0;
                    self.schedule.work_again(&key, 7);
                    assert_eq!(self.schedule.bytes, 0);
                } else {
                    self.left.push(name);
                    self.of_head += 1;
                }
                true
            }
            Some(Leaving::Finished(_)) => {
                self.of_head = 0;
                true
            }
        }
    }

    fn answer(&mut self, which: usize) -> bool {
        if self.asked.is_empty() {
            return false;
        }
        let key = self.asked.swap_remove(which % self.asked.len());
        self.schedule.pass(key, vec![true]);
        true
    }

    /// Run to the end, as `choices` say.
    fn run(&mut self, choices: &[u8], mut again: Option<usize>) {
        let mut choices = choices.iter().cycle().map(|choice| usize::from(*choice));
        let actors = self.workers.len() + 2;
        while !self.schedule.is_over() {
            let first = choices.next().unwrap();
            let mut act = |actor: usize| match actor.checked_sub(self.workers.len()) {
                None => self.step(actor),
                Some(0) => self.take(&mut again),
                Some(_) => self.answer(first),
            };
            // Whoever is chosen acts; if nobody can, the schedule stands still.
            let acted = (0..actors).any(|more| act((first + more) % actors));
            assert!(acted, "nothing can be done, and it is not over");
        }
        if !self.ordered {
            self.left.sort();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn everything_leaves_once_and_in_order(
        tree in tree(),
        bounds in bounds(),
        workers in 1_usize..5,
        modes in any::<(bool, bool)>(),
        choices in prop::collection::vec(any::<u8>(), 1..300),
    ) {
        let mut expected = Vec::new();
        names(&tree, &mut Key::new(), &mut expected);
        if !modes.0 {
            expected.sort();
        }
        let mut machine = Machine::new(&tree, bounds, workers, modes);
        machine.run(&choices, None);
        prop_assert_eq!(&machine.left, &expected);
        prop_assert_eq!((machine.schedule.bytes, machine.schedule.waiting), (0, 0));
    }

    #[test]
    fn work_that_is_done_again_leaves_once(
        tree in tree(),
        bounds in bounds(),
        workers in 1_usize..5,
        masked in any::<bool>(),
        choices in prop::collection::vec(any::<u8>(), 1..300),
        again in 0_usize..100,
    ) {
        let mut expected = Vec::new();
        names(&tree, &mut Key::new(), &mut expected);
        let mut machine = Machine::new(&tree, bounds, workers, (true, masked));
        machine.run(&choices, Some(again));
        prop_assert_eq!(&machine.left, &expected);
    }
}

#[test]
fn the_span_where_the_limit_falls_knows_its_hits() {
    let tree: Vec<_> = (0..6).map(|_| Node::File).collect();
    let bounds = Bounds { first_span: 3, most_span: 3, spans: 4, bytes: 100 };
    let mut schedule = Schedule::new(true, false, bounds);
    schedule.add_folder(vec![0], PendingFolder::of_nothing());
    let Some(Task::List(key, _)) = schedule.next_task() else { panic!("the source is listed first") };
    schedule.add_listing(&key, listing(&tree, &key));
    let (Some(Task::Work(first, _)), Some(Task::Work(second, _))) = (schedule.next_task(), schedule.next_task()) else {
        panic!("two spans of files wait")
    };
    schedule.add_output(&first, 1, 10);
    schedule.add_output(&second, 2, 10);
    schedule.finish_span(&first);
    assert!(matches!(schedule.leave(), Some(Leaving::Output(key, 1)) if key == first));
    schedule.work_again(&first, 5);
    // The second span is still worked on; what it finds counts no more.
    schedule.add_output(&second, 3, 10);
    assert!(matches!(schedule.next_task(), Some(Task::Work(key, work)) if key == first && work.exact_hits == Some(5)));
    schedule.finish_span(&second);
    assert!(matches!(schedule.next_task(), Some(Task::Work(key, work)) if key == second && work.exact_hits.is_none()));
    schedule.finish_span(&first);
    schedule.finish_span(&second);
    assert!(matches!(schedule.leave(), Some(Leaving::Finished(_))));
    assert!(matches!(schedule.leave(), Some(Leaving::Finished(_))));
    assert!(schedule.is_over());
}
