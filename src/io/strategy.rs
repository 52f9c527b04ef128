//! Which reader a file's size gets.
//!
//! Below 1 MiB a read into a reused buffer is fastest; from 1 to 16 MiB (both ends) a memory map gives the whole file in
//! one piece without a buffer of that size; above, 8 MiB at a time keep memory bounded. The thresholds are options. The
//! three readers give the same bytes: a strategy is about cost, never about the answer.

use std::sync::OnceLock;

use super::mmap;

/// How a file's content is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// Read whole into a reused buffer.
    Buffered,
    /// Mapped whole into memory.
    Mmap,
    /// Read in chunks.
    Stream,
}

impl Strategy {
    /// Every strategy, in the order of the sizes that get it.
    pub const ALL: [Self; 3] = [Self::Buffered, Self::Mmap, Self::Stream];

    /// The label that stands in a table's `strategy` column.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Buffered => "buffered",
            Self::Mmap => "mmap",
            Self::Stream => "stream",
        }
    }

    /// The strategy of this label, if there is one.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|strategy| strategy.as_str() == label)
    }
}

/// Where one strategy ends and the next begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// The smallest size in bytes that is mapped. Smaller files are buffered.
    pub mmap_from: u64,
    /// The largest size in bytes that is mapped. Larger files are streamed.
    pub stream_above: u64,
    /// How many bytes a streamed file is read at a time.
    pub chunk_bytes: usize,
    /// One strategy for every size.
    pub forced: Option<Strategy>,
    /// Whether memory maps may be made. Where not, a file that would be mapped is buffered: it still comes in one piece.
    pub maps: bool,
}

impl Default for Thresholds {
    /// 1 MiB, 16 MiB, chunks of 8 MiB; maps are made where they can be guarded, unless the environment says
    /// `VESPERA_NO_MMAP=1`.
    fn default() -> Self {
        Self { mmap_from: 1 << 20, stream_above: 16 << 20, chunk_bytes: 8 << 20, forced: None, maps: maps_wanted() }
    }
}

impl Thresholds {
    /// The reader that a file of `size` bytes gets.
    #[must_use]
    pub fn choose(&self, size: u64) -> Strategy {
        let wanted = match self.forced {
            Some(strategy) => strategy,
            None if size < self.mmap_from => Strategy::Buffered,
            None if size <= self.stream_above => Strategy::Mmap,
            None => Strategy::Stream,
        };
        // There is no such thing as a map of nothing.
        if wanted == Strategy::Mmap && (!self.maps || size == 0) { Strategy::Buffered } else { wanted }
    }
}

/// Whether the environment leaves memory maps on; asked once, because the answer is needed for every reader.
fn maps_wanted() -> bool {
    static WANTED: OnceLock<bool> = OnceLock::new();
    *WANTED.get_or_init(|| {
        mmap::IS_AVAILABLE
            && !std::env::var_os("VESPERA_NO_MMAP").is_some_and(|value| !value.is_empty() && value != "0")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: Thresholds =
        Thresholds { mmap_from: 1 << 20, stream_above: 16 << 20, chunk_bytes: 8 << 20, forced: None, maps: true };

    #[test]
    fn the_thresholds_belong_to_the_map_at_both_ends() {
        let cases = [
            (0, Strategy::Buffered),
            ((1 << 20) - 1, Strategy::Buffered),
            (1 << 20, Strategy::Mmap),
            (16 << 20, Strategy::Mmap),
            ((16 << 20) + 1, Strategy::Stream),
            (u64::MAX, Strategy::Stream),
        ];
        for (size, strategy) in cases {
            assert_eq!(MAPS.choose(size), strategy, "{size}");
        }
    }

    #[test]
    fn a_forced_strategy_holds_for_every_size_but_an_empty_file_is_never_mapped() {
        for strategy in Strategy::ALL {
            let forced = Thresholds { forced: Some(strategy), ..MAPS };
            assert_eq!([forced.choose(1), forced.choose(1 << 40)], [strategy; 2]);
        }
        assert_eq!(Thresholds { forced: Some(Strategy::Mmap), ..MAPS }.choose(0), Strategy::Buffered);
    }

    #[test]
    fn without_maps_the_file_is_still_in_one_piece() {
        let unmapped = Thresholds { maps: false, ..MAPS };
        assert_eq!([unmapped.choose(1 << 20), unmapped.choose(17 << 20)], [Strategy::Buffered, Strategy::Stream]);
    }

    #[test]
    fn labels_go_both_ways() {
        for strategy in Strategy::ALL {
            assert_eq!(Strategy::from_label(strategy.as_str()), Some(strategy));
        }
        assert_eq!(Strategy::from_label("auto"), None);
    }
}
