//! The picture of `docs/performance.md` shows the saved figures.

use std::fs;
use std::path::Path;

#[path = "../../benches/peers/figures.rs"]
#[allow(dead_code, unreachable_pub, reason = "the bench also writes figures")]
mod figures;
#[path = "../../benches/peers/plot.rs"]
#[allow(unreachable_pub, reason = "a module of the bench")]
mod plot;

#[test]
fn the_picture_shows_the_saved_figures() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let drawn = plot::draw(&figures::Figures::read(&docs.join("performance.json")));
    let picture = docs.join("images/performance.svg");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&picture, &drawn).unwrap();
    }
    assert!(
        fs::read_to_string(&picture).unwrap() == drawn,
        "UPDATE=1 cargo test --test it performance:: draws it again"
    );
}
