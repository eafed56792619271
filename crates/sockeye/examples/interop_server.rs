//! The interop server: `cargo run --release --example interop_server -- --port 3000`.

use clap::Parser;
use sockeye_echo::Options;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: Options,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Cli { options } = Cli::parse();
    let server = sockeye_echo::build(&options)?;
    #[expect(clippy::print_stdout, reason = "the ready line is this program's output")]
    sockeye_echo::serve(&server, options.port, |url| println!("listening on {url}")).await?;
    Ok(())
}
