//! `vfo`: what the commands below it are.

use nu_plugin::{EngineInterface, EvaluatedCall, PluginCommand};
use nu_protocol::{Category, LabeledError, PipelineData, Signature, Type, Value};

use super::VfoPlugin;

/// The command.
pub struct Vfo;

impl PluginCommand for Vfo {
    type Plugin = VfoPlugin;

    fn name(&self) -> &'static str {
        "vfo"
    }

    fn description(&self) -> &'static str {
        "A file tree is a table: list, search, describe, hash and chunk files."
    }

    fn search_terms(&self) -> Vec<&str> {
        vec!["vespera", "grep", "ripgrep", "find"]
    }

    fn signature(&self) -> Signature {
        Signature::build(self.name()).input_output_type(Type::Nothing, Type::String).category(Category::FileSystem)
    }

    fn run(
        &self,
        _plugin: &VfoPlugin,
        engine: &EngineInterface,
        call: &EvaluatedCall,
        _input: PipelineData,
    ) -> Result<PipelineData, LabeledError> {
        Ok(PipelineData::value(Value::string(engine.get_help()?, call.head), None))
    }
}
