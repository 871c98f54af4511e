use super::*;

async fn until_cancelled(token: CancellationToken) {
    token.cancelled().await;
}

#[tokio::test]
async fn shutdown_waits_for_the_tasks_of_children() {
    let tasks = Tasks::new();
    let child = tasks.child().child();
    child.spawn("inner", until_cancelled(child.token()));
    tasks.spawn("outer", until_cancelled(tasks.token()));
    assert_eq!(tasks.running(), ["inner", "outer"]);
    tasks.shutdown().await;
    assert_eq!(tasks.running(), Vec::<Name>::new());
    assert!(!tasks.failed());
}

#[tokio::test]
async fn a_child_stops_alone() {
    let tasks = Tasks::new();
    let child = tasks.child();
    child.spawn("inner", until_cancelled(child.token()));
    tasks.spawn("outer", until_cancelled(tasks.token()));
    child.shutdown().await;
    assert!(!tasks.is_cancelled());
    assert_eq!(tasks.running(), ["outer"]);
    tasks.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn stragglers_are_named() {
    let tasks = Tasks::new();
    tasks.spawn("good", until_cancelled(tasks.token()));
    tasks.spawn("deaf", std::future::pending());
    let result = tasks.shutdown_within(Duration::from_secs(3)).await;
    assert_eq!(result, Err(Stragglers(vec!["deaf".into()])));
}

#[tokio::test]
async fn a_panic_in_a_grandchild_takes_the_daemon_down() {
    let tasks = Tasks::new();
    let child = tasks.child().child();
    child.spawn("faulty", async { panic!("the floor is lava") });
    tasks.cancelled().await;
    assert!(tasks.failed() && child.failed());
    tasks.shutdown().await;
}

#[tokio::test]
async fn a_vital_error_takes_the_daemon_down() {
    let tasks = Tasks::new();
    tasks.spawn_vital("fine", async { Ok::<(), anyhow::Error>(()) }).await.unwrap();
    assert!(!tasks.is_cancelled());
    tasks.spawn_vital("faulty", async { Err(anyhow::anyhow!("port taken")) });
    tasks.cancelled().await;
    assert!(tasks.failed());
}

#[tokio::test]
async fn blocking_work_gives_its_result_and_is_waited_for() {
    let tasks = Tasks::new();
    assert_eq!(tasks.spawn_blocking("sum", || 1 + 1).await.unwrap(), Some(2));
    let (release, held) = std::sync::mpsc::channel::<()>();
    tasks.spawn_blocking("held", move || held.recv().is_err());
    assert_eq!(tasks.running(), ["held"]);
    drop(release);
    tasks.shutdown().await;
    let broken = tasks.spawn_blocking("broken", || if true { panic!("no") } else { 1 });
    assert_eq!(broken.await.unwrap(), None);
    assert!(tasks.failed());
}

#[tokio::test]
async fn an_aborted_task_leaves_its_group() {
    let tasks = Tasks::new();
    let handle = tasks.spawn("aborted", std::future::pending());
    handle.abort();
    assert!(handle.await.unwrap_err().is_cancelled());
    tasks.shutdown().await;
}

#[test]
fn panic_messages_are_read() {
    let check = |panic: Box<dyn Any + Send>, expect: &str| assert_eq!(message_of(panic.as_ref()), expect);
    check(Box::new("static"), "panicked: static");
    check(Box::new(String::from("owned")), "panicked: owned");
    check(Box::new(7), "panicked: no message");
}
