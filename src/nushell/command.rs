//! A command that gives a table: what it says of itself, what it takes, and what it does.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Category, Example, LabeledError, PipelineData, Signature, SyntaxShape, Type};

use super::VfoPlugin;

/// What a command does with a call.
pub type Run = fn(&EngineInterface, &EvaluatedCall, PipelineData) -> Result<PipelineData, LabeledError>;

/// One command.
pub struct Command {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a line.
    pub description: &'static str,
    /// What else is to be known.
    pub more: &'static str,
    /// Other words under which it is looked for.
    pub search_terms: &'static [&'static str],
    /// What its sources may be.
    pub sources: &'static str,
    /// Adds what it takes beside them.
    pub flags: fn(Signature) -> Signature,
    /// What an example shows, and the example.
    pub examples: &'static [(&'static str, &'static str)],
    /// Does it.
    pub run: Run,
}

impl PluginCommand for Command {
    type Plugin = VfoPlugin;

    fn name(&self) -> &str {
        self.name
    }

    fn description(&self) -> &str {
        self.description
    }

    fn extra_description(&self) -> &str {
        self.more
    }

    fn search_terms(&self) -> Vec<&str> {
        self.search_terms.to_vec()
    }

    fn signature(&self) -> Signature {
        let path = SyntaxShape::OneOf(vec![SyntaxShape::GlobPattern, SyntaxShape::String]);
        let list = |item: Type| Type::List(Box::new(item));
        let signature = Signature::build(self.name)
            .input_output_types(vec![
                (Type::Nothing, Type::table()),
                (Type::String, Type::table()),
                (list(Type::String), Type::table()),
                (Type::table(), Type::table()),
            ])
            .rest("source", path, self.sources)
            .category(Category::FileSystem);
        (self.flags)(signature)
    }

    fn examples(&self) -> Vec<Example<'_>> {
        let example =
            |(description, example): &(&'static str, &'static str)| Example { example, description, result: None };
        self.examples.iter().map(example).collect()
    }

    fn run(
        &self,
        _plugin: &VfoPlugin,
        engine: &EngineInterface,
        call: &EvaluatedCall,
        input: PipelineData,
    ) -> Result<PipelineData, LabeledError> {
        (self.run)(engine, call, input)
    }
}
