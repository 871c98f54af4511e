//! Waiting for what a cluster will come to.
//!
//! Start at [`eventually`]. It asks again and again, because a condition over several objects tells nobody when it turns
//! true; with paused time that costs nothing, with real time a look costs far less than what is waited for. What never
//! comes ends the test with the last reason why not.

use api::{Key, Kind, Resource};
use client::{Client, ListParams};
use daemon::clock;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use std::time::Duration;

/// How long [`eventually`] is patient unless told otherwise: longer than any condition takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// How long to leave between looks.
const BETWEEN: Duration = Duration::from_millis(50);

/// Waits until `condition` gives a value, and returns it.
///
/// # Panics
/// After [`PATIENCE`], with `what` was waited for and why it was not there at the last look.
pub async fn eventually<T>(what: &str, condition: impl AsyncFnMut() -> Result<T, String>) -> T {
    within(PATIENCE, what, condition).await
}

/// [`eventually`], with a patience of one's own.
///
/// # Panics
/// After `patience`, with `what` was waited for and why it was not there at the last look.
pub async fn within<T>(
    patience: Duration,
    what: &str,
    mut condition: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let deadline = clock::instant() + patience;
    loop {
        match condition().await {
            Ok(value) => return value,
            Err(why) if clock::instant() > deadline => panic!("{what}: not within {patience:?}: {why}"),
            Err(_) => clock::sleep(BETWEEN).await,
        }
    }
}

/// Waits until an object is as `condition` wants it, and returns it.
pub async fn until<K: Resource>(client: &Client, key: &Key, what: &str, condition: impl Fn(&K) -> bool) -> K {
    eventually(&format!("{} {what}", key.name), async || {
        let found = client.get::<K>(&key.namespace, &key.name).await.map_err(|it| it.to_string())?;
        if condition(&found) {
            Ok(found)
        } else {
            Err(format!("it is {}", api::Object::from(found).to_value()))
        }
    })
    .await
}

/// Waits until an object is gone.
pub async fn gone(client: &Client, key: &Key) {
    eventually(&format!("{} gone", key.name), async || match client.get_object(key).await {
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error.to_string()),
        Ok(found) => Err(format!("it is {}", found.to_value())),
    })
    .await;
}

/// All objects of a kind in the namespace `default`.
pub async fn all<K: Resource>(client: &Client) -> Vec<K> {
    let list = list(client, K::KIND).await;
    list.iter().filter_map(|it| it.get::<K>().cloned()).collect()
}

async fn list(client: &Client, kind: Kind) -> Vec<std::sync::Arc<api::Object>> {
    let namespace = if kind.row().namespaced() { "default" } else { "" };
    client.list(kind, namespace, &ListParams::default()).await.expect("the server lists").items
}

/// Waits until a deployment of the namespace `default` has only new pods, all available.
pub async fn rolled_out(client: &Client, name: &str) -> Deployment {
    until(client, &Key::of::<Deployment>("default", name), "rolled out", is_rolled_out).await
}

/// What `kubectl rollout status` waits for.
pub fn is_rolled_out(deployment: &Deployment) -> bool {
    let Some(status) = &deployment.status else { return false };
    let wanted = deployment.spec.replicas.unwrap_or(1);
    let seen = status.observed_generation >= deployment.metadata.generation;
    let all = |it: Option<i32>| it.unwrap_or(0) == wanted;
    seen && all(status.updated_replicas) && all(status.replicas) && all(status.available_replicas)
}

/// Waits until so many pods of the namespace `default` are Ready and there is no other, and returns them.
pub async fn ready_pods(client: &Client, count: usize) -> Vec<Pod> {
    eventually(&format!("{count} pods Ready"), async || {
        let pods = all::<Pod>(client).await;
        let ready = pods.iter().filter(|it| api::pod::is_ready(it)).count();
        let there = pods.len();
        if (ready, there) == (count, count) { Ok(pods) } else { Err(format!("{ready} of {there} are Ready")) }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::apps::v1::DeploymentStatus;

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_with_the_condition() {
        let mut looks = 0;
        let seen = within(Duration::from_secs(5), "three looks", async || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { Err(format!("{looks} looks")) }
        });
        assert_eq!(seen.await, 3);
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "rain: not within 1s: the sun shines")]
    async fn waiting_in_vain_says_why() {
        within::<()>(Duration::from_secs(1), "rain", async || Err("the sun shines".to_owned())).await;
    }

    #[test]
    fn a_roll_out_is_over_when_only_new_pods_are_left() {
        let check = |counts: [i32; 3], seen: i64, expect: bool| {
            let [updated, replicas, available] = counts.map(Some);
            let mut deployment = crate::objects::deployment("web", 2);
            deployment.metadata.generation = Some(2);
            deployment.status = Some(DeploymentStatus {
                observed_generation: Some(seen),
                updated_replicas: updated,
                replicas,
                available_replicas: available,
                ..DeploymentStatus::default()
            });
            assert_eq!(is_rolled_out(&deployment), expect, "{counts:?} {seen}");
        };
        check([2, 2, 2], 2, true);
        check([2, 2, 2], 1, false);
        check([2, 3, 2], 2, false);
        check([1, 2, 2], 2, false);
        check([2, 2, 1], 2, false);
    }
}
