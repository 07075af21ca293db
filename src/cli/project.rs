//! Arguments of the commands about the files of a project.

use camino::Utf8PathBuf;
use clap::Args;

/// `envlock init`
#[derive(Debug, Clone, Default, Args)]
pub struct Init {
    /// Write what the platform needs instead: the template of docker/compose.yaml and what belongs to it, config.example.yaml
    #[arg(long)]
    pub platform: bool,
}

/// `envlock render`
#[derive(Debug, Clone, Default, Args)]
pub struct Render {
    /// The Jinja2 template; docker/compose.yaml.jinja2, or envlock's own where that is missing
    #[arg(long, value_name = "FILE")]
    pub template: Option<Utf8PathBuf>,
    /// The settings; config.yaml, or `path` under `[config]` in envlock.toml
    #[arg(long, value_name = "FILE")]
    pub config: Option<Utf8PathBuf>,
    /// Where the result goes, - for standard output; the template's name without .jinja2 when absent
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<Utf8PathBuf>,
    /// Only check whether the file is up to date (exit 3 when not), and show what would change
    #[arg(long)]
    pub check: bool,
}

/// `envlock doctor`
#[derive(Debug, Clone, Default, Args)]
pub struct Doctor {
    /// Where images go
    #[arg(long, value_name = "HOST[/PREFIX]")]
    pub registry: Option<String>,
}
