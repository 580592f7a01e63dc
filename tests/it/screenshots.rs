//! The picture at the top of README shows what the program prints.

#[path = "../../examples/screenshots/session.rs"]
mod session;
#[path = "../../examples/screenshots/window.rs"]
mod window;

/// Returns the words of a picture, except for the rates and times of transfers, which differ from run to run.
fn words(svg: &str) -> Vec<&str> {
    svg.split_whitespace().filter(|word| !word.ends_with("B/s") && !word.starts_with("00:")).collect()
}

#[test]
fn the_session_in_the_picture_is_the_one_that_is_played() {
    let drawn = session::play();
    if std::env::var_os("UPDATE").is_some() {
        session::write(&drawn);
    }
    let kept = std::fs::read_to_string(session::file()).unwrap_or_default();
    let message = "docs/images/session.svg is out of date; rewrite it with: cargo run --example screenshots";
    assert_eq!(words(&kept), words(&drawn), "{message}");
}
