//! All kinds that several ranks may write, written by real ranks in blocks next to each other's.

use bellis::Array;

use super::mpirun::{Ranks, testbed};
use super::noise::noise;

#[test]
fn neighbouring_blocks_are_written_by_all_ranks_at_once() {
    const SHAPE: [i64; 3] = [44, 48, 41];
    const LAST_ROUND: u16 = 11;
    let dir = tempfile::tempdir().unwrap();
    testbed(Ranks::Mpirun(3), "writer", &["neighbours", dir.path().to_str().unwrap()]).run().succeeded();
    let arrays: Vec<_> = dir.path().read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(arrays.len(), 20, "{arrays:?}");
    for path in arrays {
        let array = Array::<u16>::open(path.join("raw")).unwrap();
        let data = array.read(&array.roi()).unwrap();
        assert!(data == noise(&[0; 3], &SHAPE, LAST_ROUND), "{}", path.display());
    }
}
