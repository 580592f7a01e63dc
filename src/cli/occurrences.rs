//! The occurrences of an option, for options whose order among others matters.

use clap::ArgMatches;

/// Returns the values of an option, each with its place among all words.
pub fn occurrences<'a, T: Clone + Send + Sync + 'static>(
    matches: &'a ArgMatches,
    id: &str,
) -> impl Iterator<Item = (usize, &'a T)> + use<'a, T> {
    let places = matches.indices_of(id).into_iter().flatten();
    places.zip(matches.get_many::<T>(id).into_iter().flatten())
}
