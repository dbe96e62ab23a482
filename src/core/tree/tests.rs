// SPDX-License-Identifier: GPL-2.0-only

//! The tree against a naive twin.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::node::Node;
use super::*;
use crate::mem::{host, NoMemory};
use crate::record::ChunkState;

impl Value for u32 {
    const WORDS: usize = 1;

    fn put(self, words: &mut [u32]) {
        words[0] = self;
    }

    fn get(words: &[u32]) -> u32 {
        words[0]
    }
}

/// A value of all the words that there can be, each of which counts.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Wide(u32);

impl Value for Wide {
    const WORDS: usize = 6;

    fn put(self, words: &mut [u32]) {
        for (word, n) in words[..6].iter_mut().zip(0..) {
            *word = self.0 + n;
        }
    }

    fn get(words: &[u32]) -> Wide {
        assert!((0..6).all(|n| words[n] == words[0] + n as u32));
        Wide(words[0])
    }
}

/// Walks the whole tree: its invariants hold, and neighbours below one parent would not fit together.
fn check<V: Value, const N: usize>(tree: &Tree<V, N>) -> usize {
    fn walk(form: Form, node: &Node, low: u64, high: Option<u64>) -> (usize, u64) {
        match node {
            Node::Leaf(leaf) => {
                let words = leaf.entries(form, 0, leaf.len());
                let keys: Vec<_> = words.chunks(form.stride).map(node::key_of).collect();
                assert_eq!(keys.len(), leaf.len());
                assert!(leaf.len() > 0 && leaf.len() <= form.room);
                assert!(keys.windows(2).all(|w| w[0] < w[1]));
                assert!(keys.iter().all(|&k| k >= low));
                assert!(keys.iter().all(|&k| high.is_none_or(|h| k < h)));
                (1, leaf.len() as u64)
            }
            Node::Inner(inner) => {
                let links: Vec<_> = (0..node::FAN).filter_map(|at| inner.at(at)).collect();
                assert!(!links.is_empty());
                assert_eq!(links.len(), inner.len());
                assert!(links[0].0 >= low);
                let mut heights = Vec::new();
                let mut entries = 0;
                for (i, (key, child)) in links.iter().enumerate() {
                    let end = links.get(i + 1).map(|l| l.0).or(high);
                    assert!(end.is_none_or(|e| *key < e));
                    let (height, n) = walk(form, child, *key, end);
                    heights.push(height);
                    entries += n;
                }
                assert!(heights.iter().all(|h| *h == heights[0]));
                (heights[0] + 1, entries)
            }
        }
    }
    let Some(root) = tree.raw.root.as_deref() else {
        assert_eq!(tree.len(), 0);
        return 0;
    };
    let (height, entries) = walk(Tree::<V, N>::FORM, root, 0, None);
    assert_eq!(entries, tree.len());
    height
}

fn entries<V: Value, const N: usize>(tree: &Tree<V, N>) -> Vec<(u64, V)> {
    tree.iter_from(0).collect()
}

/// A cheap stream of numbers.
fn next(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

#[test]
fn nodes_fill_their_memory_and_no_more() {
    assert!(core::mem::size_of::<Node>() <= 256 - 8);
}

#[test]
fn states_come_back_as_they_were_put() {
    let state = ChunkState::new(!1, 1 << 63, 0x1234_5678_9abc_def0).expect("a subset");
    let tree: Tree<ChunkState, 7> = Tree::new();
    let tree = tree.insert(1 << 40, state).expect("memory");
    assert_eq!(tree.get(1 << 40), Some(state));
}

#[test]
fn long_random_life_equals_twin() {
    let mut seed = 0x2545_f491_4f6c_dd1d;
    let mut tree: Tree<u32, 4> = Tree::new();
    let mut twin = BTreeMap::new();
    let mut highest = 0;
    for round in 0..40_000u32 {
        // Grows for a while, then shrinks, twice.
        let growing = (round / 10_000) % 2 == 0;
        let key = next(&mut seed) % 20_000;
        if (next(&mut seed) % 10 < 8) == growing {
            tree = tree.insert(key, round).expect("memory");
            twin.insert(key, round);
        } else {
            tree = tree.remove(key).expect("memory");
            twin.remove(&key);
        }
        if round % 997 == 0 {
            highest = highest.max(check(&tree));
            assert_eq!(entries(&tree), twin.clone().into_iter().collect::<Vec<_>>());
        }
        let probe = next(&mut seed) % 20_001;
        assert_eq!(tree.get(probe), twin.get(&probe).copied());
        assert_eq!(
            tree.first_at_or_after(probe),
            twin.range(probe..).next().map(|(k, v)| (*k, *v))
        );
        assert_eq!(tree.is_vacant(probe, probe), !twin.contains_key(&probe));
        let to = probe + next(&mut seed) % 8;
        let vacant = twin.range(probe..=to).next().is_none();
        assert_eq!(tree.is_vacant(probe, to), vacant, "from {probe} to {to}");
    }
    assert!(highest >= 3, "inner nodes were split: {highest} levels");
    for key in twin.into_keys() {
        tree = tree.remove(key).expect("memory");
    }
    assert!(tree.is_empty());
    assert_eq!(check(&tree), 0);
}

#[test]
fn old_versions_stay_as_they_were() {
    let mut versions = vec![Tree::<u32, 3>::new()];
    for n in 0..300u32 {
        let next = versions[n as usize]
            .insert(u64::from(n), n)
            .expect("memory");
        versions.push(next);
    }
    for (n, version) in versions.iter().enumerate() {
        assert_eq!(version.len(), n as u64);
        assert_eq!(version.iter_from(0).count(), n);
    }
    let before = host::live_bytes();
    drop(versions);
    assert!(host::live_bytes() < before);
}

#[test]
fn keys_in_order_leave_full_nodes() {
    let count = 20 * 15 * 3;
    let before = host::live_bytes();
    let mut up: Tree<u32, 20> = Tree::new();
    for n in 0..count {
        up = up.insert(n, 0).expect("memory");
    }
    let bytes = (host::live_bytes() - before) as u64;
    assert!(bytes / count < 15, "{bytes} bytes for {count} entries");
    drop(up);
    let mut down: Tree<u32, 20> = Tree::new();
    for n in (0..count).rev() {
        down = down.insert(n, 0).expect("memory");
    }
    let bytes = (host::live_bytes() - before) as u64;
    assert!(bytes / count < 15, "{bytes} bytes for {count} entries");
}

#[test]
fn nothing_is_leaked() {
    let before = host::live_bytes();
    let mut tree: Tree<u32, 4> = Tree::new();
    let mut seed = 7;
    for _ in 0..5_000 {
        tree = tree.insert(next(&mut seed) % 4_000, 1).expect("memory");
    }
    for key in 0..4_000 {
        tree = tree.remove(key).expect("memory");
    }
    assert_eq!(host::live_bytes(), before);
}

#[test]
fn ends_of_the_number_space() {
    let mut tree: Tree<u32, 2> = Tree::new();
    for key in [u64::MAX, 0, u64::MAX - 1, 1] {
        tree = tree.insert(key, key as u32).expect("memory");
    }
    check(&tree);
    assert_eq!(tree.iter_from(0).count(), 4);
    assert_eq!(tree.get(u64::MAX), Some(u32::MAX));
    assert_eq!(tree.iter_from(u64::MAX).count(), 1);
    assert!(!tree.is_vacant(u64::MAX, u64::MAX));
    assert!(!tree.is_vacant(5, u64::MAX));
    assert!(tree.is_vacant(5, u64::MAX - 2));
    assert_eq!(tree.remove(5).expect("memory").len(), 4);
}

#[test]
fn builder_takes_ascending_keys_only() {
    let mut b: Builder<u32, 4> = Builder::new();
    assert_eq!(b.push(5, 0), Ok(true));
    assert_eq!(b.push(5, 1), Ok(false));
    assert_eq!(b.push(4, 1), Ok(false));
    assert_eq!(b.push(6, 1), Ok(true));
    let tree = b.finish().expect("memory");
    assert_eq!(entries(&tree), [(5, 0), (6, 1)]);
    let none: Builder<u32, 4> = Builder::new();
    assert!(none.finish().expect("memory").is_empty());
}

#[test]
fn builder_is_right_at_every_size() {
    for count in (0..70).chain([247, 248, 249, 15_375, 15_376, 15_377]) {
        let mut b: Builder<u32, 4> = Builder::new();
        for n in 0..count {
            assert_eq!(b.push(n * 3, n as u32), Ok(true));
        }
        let tree = b.finish().expect("memory");
        check(&tree);
        let want: Vec<_> = (0..count).map(|n| (n * 3, n as u32)).collect();
        assert_eq!(entries(&tree), want);
    }
}

#[test]
fn each_refused_allocation_changes_nothing() {
    let mut tree: Tree<u32, 3> = Tree::new();
    for n in 0..400u64 {
        tree = tree.insert(n * 7 % 401, 0).expect("memory");
    }
    let want = entries(&tree);
    let live = host::live_bytes();
    for key in 0..402 {
        for change in [
            |t: &Tree<u32, 3>, k| t.insert(k, 9),
            |t: &Tree<u32, 3>, k| t.remove(k),
        ] {
            let mut n = 0;
            loop {
                host::refuse_after(Some(n));
                let asked = host::allocations();
                let result = change(&tree, key);
                host::refuse_after(None);
                if result.is_ok() {
                    assert!(host::allocations() - asked <= n);
                    break;
                }
                assert!(matches!(result, Err(NoMemory)));
                assert_eq!(host::live_bytes(), live);
                n += 1;
            }
        }
    }
    assert_eq!(entries(&tree), want);
}

proptest! {
    #[test]
    fn short_lives_equal_twin(ops in prop::collection::vec((any::<bool>(), 0u64..60), 0..200)) {
        let mut tree: Tree<Wide, 2> = Tree::new();
        let mut twin = BTreeMap::new();
        for (n, (add, key)) in ops.into_iter().enumerate() {
            if add {
                tree = tree.insert(key, Wide(n as u32)).expect("memory");
                twin.insert(key, Wide(n as u32));
            } else {
                tree = tree.remove(key).expect("memory");
                twin.remove(&key);
            }
            check(&tree);
        }
        for from in 0..61 {
            let got: Vec<_> = tree.iter_from(from).collect();
            let want: Vec<_> = twin.range(from..).map(|(k, v)| (*k, *v)).collect();
            prop_assert_eq!(got, want);
        }
    }
}
