//! Safety over random histories: whatever order things happen in, and however far the caches lag, controllers do
//! nothing bad; and when things calm down, they come to rest where they should.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod sim;

use api::{Key, Kind, Object, Resource, pod};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use proptest::prelude::*;
use serde_json::{Value, json};
use sim::Cluster;

/// Something that happens.
#[derive(Clone, Debug)]
enum Event {
    /// The controller that is so far back in line takes its turn.
    Step(usize),
    /// So many pods become ready.
    Ready(usize),
    /// Pods that were asked to go are gone.
    Stop,
    /// The template changes.
    Image(u8),
    /// A pod ends, well or badly.
    End(usize, bool),
    /// A user deletes a pod.
    Delete(usize),
    /// The caches of pods and their owners fall so far behind.
    Lag(usize, usize),
    /// Time passes.
    Advance(i64),
}

fn events(kinds: BoxedStrategy<Event>) -> impl Strategy<Value = Vec<Event>> {
    proptest::collection::vec(prop_oneof![8 => (0..4_usize).prop_map(Event::Step), 4 => kinds], 1..120)
}

fn rolling() -> BoxedStrategy<Event> {
    prop_oneof![
        (1..4_usize).prop_map(Event::Ready),
        Just(Event::Stop),
        (0..3_u8).prop_map(Event::Image),
        (0..4_usize, 0..4_usize).prop_map(|(pods, owners)| Event::Lag(pods, owners)),
    ]
    .boxed()
}

fn working() -> BoxedStrategy<Event> {
    prop_oneof![
        (1..4_usize).prop_map(Event::Ready),
        Just(Event::Stop),
        (0..6_usize, any::<bool>()).prop_map(|(number, well)| Event::End(number, well)),
        (0..6_usize).prop_map(Event::Delete),
        (0..4_usize, 0..4_usize).prop_map(|(pods, owners)| Event::Lag(pods, owners)),
        (1..30_i64).prop_map(Event::Advance),
    ]
    .boxed()
}

struct World {
    cluster: Cluster,
    owner: Kind,
}

impl World {
    fn pods(&self) -> Vec<Pod> {
        self.cluster.store.all(Pod::KIND).iter().filter_map(|it| it.get::<Pod>().cloned()).collect()
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Step(choice) => drop(self.cluster.step_at(*choice)),
            Event::Ready(number) => self.ready(*number),
            Event::Stop => self.stop(),
            Event::Image(number) => {
                let main = json!({"name": "main", "image": format!("v{number}")});
                let patch = json!({"spec": {"template": {"spec": {"containers": [main]}}}});
                self.cluster.patch(&Key::of::<Deployment>("d", "web"), None, &patch).unwrap();
            }
            Event::End(number, well) => {
                let running = self.pods().into_iter().filter(pod::is_active).nth(*number);
                let phase = if *well { "Succeeded" } else { "Failed" };
                running.iter().for_each(|it| self.set_status(it, json!({"phase": phase, "conditions": []})));
            }
            Event::Delete(number) => {
                if let Some(it) = self.pods().get(*number) {
                    self.cluster.delete(&Object::from(it.clone()).key(), &json!({})).unwrap();
                }
            }
            Event::Lag(pods, owners) => {
                self.cluster.lag = [(Pod::KIND, *pods), (self.owner, *owners)].into();
            }
            Event::Advance(seconds) => self.cluster.advance(*seconds),
        }
    }

    fn set_status(&mut self, it: &Pod, status: Value) {
        let key = Object::from(it.clone()).key();
        self.cluster.patch(&key, Some(api::Subresource::Status), &json!({"status": status})).unwrap();
    }

    fn ready(&mut self, number: usize) {
        let waiting = self.pods().into_iter().filter(|it| pod::is_active(it) && !pod::is_ready(it));
        let time = self.cluster.now.to_string();
        for it in waiting.take(number) {
            let key = Object::from(it.clone()).key();
            self.cluster.patch(&key, None, &json!({"spec": {"nodeName": "n1"}})).unwrap();
            let ready = json!({"type": "Ready", "status": "True", "lastTransitionTime": time});
            self.set_status(&it, json!({"phase": "Running", "conditions": [ready]}));
        }
    }

    fn stop(&mut self) {
        for it in self.pods().into_iter().filter(pod::deletion_requested) {
            _ = self.cluster.delete(&Object::from(it).key(), &json!({"gracePeriodSeconds": 0}));
        }
    }

    fn settle(&mut self) {
        self.cluster.lag.clear();
        for _ in 0..2000 {
            if self.cluster.step().is_none() {
                return;
            }
        }
        panic!("the controllers do not come to rest");
    }

    fn asked(&self) -> i32 {
        let sets = self.cluster.store.all(ReplicaSet::KIND);
        sets.iter().filter_map(|it| it.get::<ReplicaSet>()?.spec.replicas).sum()
    }

    fn serving(&self) -> i32 {
        let serving = self.pods().iter().filter(|it| pod::is_active(it) && pod::is_ready(it)).count();
        i32::try_from(serving).unwrap()
    }

    fn job(&self) -> Job {
        self.cluster.store.get(&Key::of::<Job>("d", "sum")).and_then(|it| it.get::<Job>()).unwrap().clone()
    }
}

fn deployment(replicas: i32, surge: i32, unavailable: i32) -> World {
    let mut cluster = Cluster::new(&["deployment-controller", "replicaset-controller"]);
    let object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "d"},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "main", "image": "v0"}]},
            },
        },
    });
    cluster.create(Deployment::KIND.decode_value(object).unwrap()).unwrap();
    let mut world = World { cluster, owner: ReplicaSet::KIND };
    world.finish();
    world
}

impl World {
    /// Pods become ready and go until nothing is left to do.
    fn finish(&mut self) {
        for _ in 0..200 {
            self.settle();
            self.ready(usize::MAX);
            self.stop();
            if self.cluster.is_idle() {
                return;
            }
        }
        panic!("the roll-out does not end");
    }
}

fn job(completions: i32, parallelism: i32) -> World {
    let mut cluster = Cluster::new(&["job-controller"]);
    let object = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "sum", "namespace": "d"},
        "spec": {
            "completions": completions, "parallelism": parallelism, "backoffLimit": 1000,
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "v0"}]}},
        },
    });
    cluster.create(Job::KIND.decode_value(object).unwrap()).unwrap();
    World { cluster, owner: Job::KIND }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Never more replicas asked for than the surge allows, never fewer serving than may be unavailable, and in the end
    /// as many as wanted, all of one template.
    #[test]
    fn roll_outs_keep_their_bounds(
        replicas in 1..6_i32, surge in 0..3_i32, unavailable in 0..3_i32, history in events(rolling()),
    ) {
        let unavailable = if surge == 0 { unavailable.max(1) } else { unavailable };
        let mut world = deployment(replicas, surge, unavailable);
        for event in &history {
            world.happen(event);
            prop_assert!(world.asked() <= replicas + surge, "{} asked for after {event:?}", world.asked());
            prop_assert!(world.serving() >= replicas - unavailable, "{} serve after {event:?}", world.serving());
        }
        world.finish();
        prop_assert_eq!(world.serving(), replicas);
        let images: std::collections::HashSet<_> =
            world.pods().iter().map(|it| it.spec.as_ref().unwrap().containers[0].image.clone()).collect();
        prop_assert_eq!(images.len(), 1);
    }

    /// Every success counts once, whatever is deleted when; never more pods at work than allowed.
    #[test]
    fn completions_count_once(completions in 1..6_i32, parallelism in 1..4_i32, history in events(working())) {
        let mut world = job(completions, parallelism);
        let mut succeeded = std::collections::HashSet::new();
        for event in &history {
            world.happen(event);
            for it in world.pods().iter().filter(|it| pod::phase(it) == "Succeeded") {
                succeeded.insert(it.metadata.uid.clone());
            }
            let active = world.pods().iter().filter(|it| pod::is_active(it)).count();
            prop_assert!(active <= usize::try_from(parallelism).unwrap(), "{active} at work after {event:?}");
            let counted = world.job().status.and_then(|it| it.succeeded).unwrap_or(0);
            prop_assert!(usize::try_from(counted).unwrap() <= succeeded.len());
        }
        world.settle();
        let counted = world.job().status.and_then(|it| it.succeeded).unwrap_or(0);
        prop_assert_eq!(usize::try_from(counted).unwrap(), succeeded.len());
    }
}
