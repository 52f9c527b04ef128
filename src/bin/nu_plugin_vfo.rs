//! The plugin's program; see `vespera_file_ops::nushell`.

fn main() {
    vespera_file_ops::nushell::serve();
}
