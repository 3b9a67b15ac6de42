//! The start of a world.

use std::{path::PathBuf, time::Instant};

use local::{Data, Options, World};

use crate::support::{options, put};

async fn with(name: &str, value: &str) -> Result<World, String> {
    let mut options = options();
    options.parameters.insert(name.to_owned(), value.to_owned());
    World::start(options).await.map_err(|problem| problem.to_string())
}

#[tokio::test]
async fn a_custom_resource_that_fails_or_keeps_silent_ends_the_start() {
    assert!(with("Greeting", "hello").await.is_ok());
    assert_eq!(with("Greeting", "fail").await.unwrap_err(), "Resources.Marker: install failed: on request");
    // A function that never answers also holds up the rollback.
    let silent = "Resources.Marker: install did not answer; the rollback: install did not answer";
    assert_eq!(with("Greeting", "silent").await.unwrap_err(), silent);
}

#[tokio::test]
async fn an_unknown_parameter_ends_the_start() {
    assert_eq!(with("Nothing", "1").await.unwrap_err(), "Parameters.Nothing: is not declared in the template");
}

/// A key policy that delegates to IAM, and an effect that AWS does not know.
const MISSPELT_DENIAL: &str = r#"KeyPolicy: { Statement: [
        { Effect: Allow, Principal: { AWS: !Sub "arn:aws:iam::${AWS::AccountId}:root" }, Action: kms:*, Resource: "*" },
        { Effect: deny, Principal: "*", Action: kms:Decrypt, Resource: "*" }] }"#;

#[tokio::test]
async fn what_the_local_cloud_does_not_know_ends_the_start() {
    let template = std::fs::read_to_string(options().template).unwrap();
    for (from, to, at) in [
        ("AWS::SQS::Queue", "AWS::SQS::Cue", "Resources.LostQueue.Type"),
        ("BatchSize: 4", "BatchSize: 4\n            TumblingWindowInSeconds: 9", "TumblingWindowInSeconds"),
        ("EnableKeyRotation: true", "KeySpec: RSA_2048", "Resources.MasterKey.Properties.KeySpec"),
        ("EnableKeyRotation: true", MISSPELT_DENIAL, "Resources.MasterKey.Properties.KeyPolicy"),
        ("ForAllValues:StringLike", "ForAllValues:ArnLike", "ForAllValues:ArnLike"),
        ("!GetAtt LostQueue.Arn", "!GetAtt LostQueue.Size", "Resources.ListenerFunction.Properties.Events.Stream"),
        // SAM's transform refuses both.
        ("EnableIamAuthorizer: true", "EnableIamAuthorizer: false", "Resources.EchoFunction.Properties.Events.Admin"),
        ("Authorizer: AWS_IAM", "Authorizer: NONE", "Resources.EchoFunction.Properties.Events.Admin"),
        ("cron(0 3 * * ? *)", "cron(0 3 * *)", "ScheduleExpression"),
    ] {
        assert!(template.contains(from), "{from}");
        let problem = local::template::parse(&template.replace(from, to), &[].into()).unwrap_err();
        assert!(problem.at.contains(at), "{problem}");
    }
}

fn directory(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("latchkey-{name}-{}", std::process::id()))
}

#[tokio::test]
async fn data_is_kept_and_belongs_to_one_world() {
    let directory = directory("data");
    let start = || World::start(Options { data: Data::Directory(directory.clone()), ..options() });
    let world = start().await.unwrap();
    put(&world, "writer", "USER#1").await.unwrap();
    world.settle().await;
    let taken = start().await.unwrap_err().to_string();
    assert!(taken.contains("in use by another process"), "{taken}");
    drop(world);
    let again = start().await.unwrap();
    assert_eq!(again.scan("user-keys").len(), 1);
    again.settle().await;
    assert!(!again.costs().contains_key("listener"), "a delivered record came again");
    drop(again);
    std::fs::remove_dir_all(&directory).unwrap();
}

#[tokio::test]
async fn a_world_starts_fast() {
    drop(World::start(options()).await.unwrap());
    let started = Instant::now();
    for _ in 0..5 {
        drop(World::start(options()).await.unwrap());
    }
    let each = started.elapsed() / 5;
    // Ten times the usual duration: a busy machine passes, a slow start fails.
    assert!(each.as_millis() < 500, "{each:?}");
}

#[tokio::test]
async fn worlds_do_not_see_each_other() {
    let (first, second) = tokio::join!(World::start(options()), World::start(options()));
    let (first, second) = (first.unwrap(), second.unwrap());
    put(&first, "writer", "USER#1").await.unwrap();
    assert_eq!((first.scan("user-keys").len(), second.scan("user-keys").len()), (1, 0));
}
