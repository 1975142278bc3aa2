//! The same program, which names `unnamed` in one place: what it requires.

use ego::Engine;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    linking::report(Engine::builder().require::<unnamed::Invoice>()).await
}
