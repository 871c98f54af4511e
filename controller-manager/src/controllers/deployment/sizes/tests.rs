use super::*;
use k8s_openapi::api::apps::v1::{DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use proptest::prelude::*;

fn bounds(replicas: i32, surge: i32, unavailable: i32) -> Bounds {
    Bounds { replicas, surge, unavailable }
}

fn size(replicas: i32, available: i32) -> Size {
    Size { replicas, available, ..Size::default() }
}

#[test]
fn bounds_round_in_the_user_s_favour() {
    let check = |replicas, surge: &str, unavailable: &str, expect| {
        let value = |text: &str| {
            Some(text.parse::<i32>().map_or(IntOrString::String(text.to_owned()), IntOrString::Int))
        };
        let rolling =
            RollingUpdateDeployment { max_surge: value(surge), max_unavailable: value(unavailable) };
        let strategy = DeploymentStrategy { rolling_update: Some(rolling), type_: None };
        let spec = DeploymentSpec {
            replicas: Some(replicas),
            strategy: Some(strategy),
            ..DeploymentSpec::default()
        };
        let got = Bounds::of(&spec);
        assert_eq!((got.surge, got.unavailable), expect, "{replicas} {surge} {unavailable}");
    };
    check(4, "25%", "25%", (1, 1));
    check(3, "25%", "25%", (1, 0));
    check(1, "0", "0", (0, 1));
    check(2, "0", "10%", (0, 1));
    check(3, "100%", "200%", (3, 3));
    check(0, "1", "1", (1, 0));
}

#[test]
fn the_new_set_grows_into_the_surge() {
    let check = |bounds: Bounds, new, others, expect| assert_eq!(bounds.new_size(new, others), expect);
    check(bounds(3, 1, 0), 0, 0, 3);
    check(bounds(3, 1, 0), 0, 3, 1);
    check(bounds(3, 1, 0), 1, 3, 1);
    check(bounds(3, 0, 1), 0, 3, 0);
    check(bounds(3, 0, 1), 0, 2, 1);
    check(bounds(3, 1, 0), 5, 0, 3);
    check(bounds(3, 1, 0), 1, 9, 1);
}

#[test]
fn old_sets_shrink_as_availability_allows() {
    let check =
        |bounds: Bounds, new, old: &[Size], expect: &[i32]| assert_eq!(bounds.old_sizes(new, old), expect);
    check(bounds(3, 1, 0), size(1, 0), &[size(3, 3)], &[3]);
    check(bounds(3, 1, 0), size(1, 1), &[size(3, 3)], &[2]);
    check(bounds(4, 0, 1), size(0, 0), &[size(4, 4)], &[3]);
    check(bounds(3, 1, 0), size(1, 0), &[size(3, 0)], &[3]);
    check(bounds(4, 1, 1), size(1, 1), &[size(2, 0), size(2, 2)], &[0, 2]);
    check(bounds(2, 1, 0), size(2, 2), &[size(1, 1)], &[0]);
    let unsure = Size { replicas: 3, unsure: 3, ..Size::default() };
    check(bounds(4, 1, 1), size(1, 1), &[unsure], &[3]);
}

#[test]
fn scaling_in_mid_roll_out_keeps_proportions() {
    let annotated = |replicas, most| Size { replicas, annotated: Some(most), ..Size::default() };
    let check = |bounds: Bounds, sets: &[Size], expect: &[i32]| assert_eq!(bounds.shares(sets), expect);
    check(bounds(8, 2, 0), &[annotated(4, 6), annotated(2, 6)], &[7, 3]);
    check(bounds(0, 2, 0), &[annotated(4, 6), annotated(2, 6)], &[0, 0]);
    check(bounds(2, 0, 1), &[annotated(4, 6), annotated(2, 6)], &[1, 1]);
    check(bounds(10, 3, 2), &[annotated(8, 13), annotated(5, 13)], &[8, 5]);
}

proptest! {
    /// Steps in any order with any availability never break the bounds.
    #[test]
    fn no_step_breaks_a_bound(
        replicas in 0..20_i32, surge in 0..10_i32, unavailable in 0..10_i32,
        new in 0..20_i32, old in proptest::collection::vec((0..10_i32, 0..10_i32), 0..4), ready in 0..20_i32,
    ) {
        let bounds = bounds(replicas, surge, unavailable.min(replicas).max(i32::from(surge == 0 && replicas > 0)));
        let old: Vec<Size> = old.into_iter().map(|(replicas, ready)| size(replicas, ready.min(replicas))).collect();
        let others: i32 = old.iter().map(|it| it.replicas).sum();
        let grown = bounds.new_size(new, others);
        prop_assert!(grown <= new || grown + others <= bounds.most());
        let new = size(new, ready.min(new));
        let shrunk = bounds.old_sizes(new, &old);
        let available = |sizes: &[i32]| new.available
            + old.iter().zip(sizes).map(|(it, size)| it.available.min(*size)).sum::<i32>();
        let before: Vec<i32> = old.iter().map(|it| it.replicas).collect();
        prop_assert!(available(&shrunk) >= bounds.fewest().min(available(&before)));
    }
}
