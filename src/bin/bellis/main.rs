//! The command line: one program for what people do with volumes, alone or on the ranks of a job.
//!
//! Each command has a file, which says what can be said on the command line and hands it to [`bellis::tools`]; `print` says
//! how results are shown. Nothing is computed here.

mod arguments;
mod completions;
mod convert;
mod doctor;
mod downsample;
mod info;
mod label;
mod print;
mod reset;
mod run_options;
mod smooth;
mod stats;
mod status;
mod version;

use std::process::ExitCode;

/// Block-wise processing of very large nD volumes, on the cores of one machine or on as many ranks as an MPI job has.
#[derive(clap::Parser)]
#[command(name = "bellis", version, long_version = version::VERSION.as_str(), propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Show the result as JSON, in one line
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum Command {
    Convert(convert::Arguments),
    Doctor(doctor::Arguments),
    Downsample(downsample::Arguments),
    Info(info::Arguments),
    Label(label::Arguments),
    Options(run_options::Arguments),
    Reset(reset::Arguments),
    Smooth(smooth::Arguments),
    Stats(stats::Arguments),
    Status(status::Arguments),
    Completions(completions::Completions),
    Man(completions::Manual),
}

fn main() -> ExitCode {
    let code = bellis::main(|| {
        let Some(Arguments { command, json }) = arguments::parse()? else { return Ok(()) };
        match command {
            Command::Convert(arguments) => arguments.run(json),
            Command::Doctor(arguments) => arguments.run(json),
            Command::Downsample(arguments) => arguments.run(json),
            Command::Info(arguments) => arguments.run(json),
            Command::Label(arguments) => arguments.run(json),
            Command::Options(arguments) => arguments.run(json),
            Command::Reset(arguments) => arguments.run(json),
            Command::Smooth(arguments) => arguments.run(json),
            Command::Stats(arguments) => arguments.run(json),
            Command::Status(arguments) => arguments.run(json),
            Command::Completions(completions) => completions.run::<Arguments>(),
            Command::Man(manual) => manual.run::<Arguments>(),
        }
    });
    // What was asked for was done, and was not wrong.
    if print::has_failed() { ExitCode::FAILURE } else { code }
}
