use super::*;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};

fn pod(name: &str, revision: u64, owner: Option<&str>) -> Arc<Object> {
    let mut pod = Pod::default();
    pod.metadata.name = Some(name.to_owned());
    pod.metadata.namespace = Some("d".to_owned());
    pod.metadata.resource_version = Some(revision.to_string());
    pod.metadata.owner_references = owner.map(|uid| {
        vec![api::OwnerReference { uid: uid.to_owned(), controller: Some(true), ..Default::default() }]
    });
    Arc::new(pod.into())
}

fn names(snapshot: &Snapshot, uid: &str) -> Vec<String> {
    snapshot.controlled_by::<Pod>(uid).map(|it| it.metadata.name.clone().unwrap_or_default()).collect()
}

#[test]
fn owners_are_indexed_as_objects_come_change_and_go() {
    let mut objects = Objects::default();
    objects.apply(pod("a", 1, Some("x")));
    objects.apply(pod("b", 2, Some("x")));
    let mut before = Snapshot::default();
    before.insert(Pod::KIND, objects.clone());
    objects.apply(pod("a", 3, Some("y")));
    objects.remove(&Key::of::<Pod>("d", "b"), 4);
    let mut after = Snapshot::default();
    after.insert(Pod::KIND, objects);
    assert_eq!(names(&before, "x"), ["a", "b"], "a snapshot stays as it was");
    assert_eq!(names(&after, "x"), Vec::<String>::new());
    assert_eq!(names(&after, "y"), ["a"]);
    assert_eq!(after.revision(Pod::KIND), 4);
    assert_eq!(after.revision(ConfigMap::KIND), 0);
}

#[test]
fn an_older_version_changes_nothing() {
    let mut objects = Objects::default();
    assert!(objects.apply(pod("a", 5, None)).is_some());
    assert!(objects.apply(pod("a", 4, None)).is_none());
}

#[test]
fn a_fresh_list_tells_what_differs() {
    let mut objects = Objects::default();
    for it in [pod("a", 1, None), pod("b", 2, None), pod("c", 3, None)] {
        objects.apply(it);
    }
    let changes = objects.replace(vec![pod("a", 1, None), pod("b", 7, None), pod("d", 8, None)], 9);
    let mut told: Vec<String> = changes
        .iter()
        .map(|it| {
            let sign = match (&it.old, &it.new) {
                (None, _) => '+',
                (_, None) => '-',
                _ => '~',
            };
            format!("{sign}{}", it.key().expect("a change has an object").name)
        })
        .collect();
    told.sort();
    assert_eq!(told, ["+d", "-c", "~b"]);
    assert_eq!(objects.revision(), 9);
}

#[test]
fn those_without_a_controller_are_found() {
    let owned = |name: &str, controller: bool| {
        let mut pod = Pod::default();
        pod.metadata.namespace = Some("d".to_owned());
        pod.metadata.name = Some(name.to_owned());
        let owner =
            api::OwnerReference { uid: "u".to_owned(), controller: Some(controller), ..Default::default() };
        pod.metadata.owner_references = Some(vec![owner]);
        Arc::new(Object::from(pod))
    };
    let mut objects = Objects::default();
    let names = |objects: &Objects| -> Vec<String> {
        objects.uncontrolled(Pod::KIND, "d").map(|it| it.key().name).collect()
    };
    objects.apply(owned("a", true));
    objects.apply(owned("b", false));
    assert_eq!(names(&objects), ["b"]);
    objects.apply(owned("a", false));
    assert_eq!(names(&objects), ["a", "b"]);
    objects.remove(&Key::of::<Pod>("d", "b"), 1);
    assert_eq!(names(&objects), ["a"]);
}
