//! The enforcement of each function's policy, through the SDK.

use std::{collections::HashMap, sync::Arc};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, Put, TransactWriteItem};
use aws_sdk_kms::types::DataKeySpec;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageTag};
use local::{Options, World};

use crate::support::{code, dynamodb, options, put, world};

#[tokio::test]
async fn only_the_keys_and_tables_of_the_policy_are_reached() {
    let world = world().await;
    assert_eq!(put(&world, "writer", "USER#1").await, Ok(()));
    assert_eq!(put(&world, "writer", "EMAIL#1").await, Err("AccessDeniedException".to_owned()));
    assert_eq!(put(&world, "echo", "USER#1").await, Err("AccessDeniedException".to_owned()));
    assert_eq!(put(&world, "admin", "EMAIL#1").await, Ok(()));
    assert_eq!(world.scan("user-keys").len(), 2);
}

#[tokio::test]
async fn a_boundary_has_to_allow_what_the_policy_allows() {
    let world = world().await;
    let table = world.table("user-keys").unwrap().physical.clone();
    let client = dynamodb(&world, "broken");
    assert!(client.scan().table_name(&table).send().await.is_ok());
    // The policy allows the first call but the boundary does not. For the second call, it is the reverse.
    assert_eq!(put(&world, "broken", "USER#1").await, Err("AccessDeniedException".to_owned()));
    let query = client.query().table_name(&table).key_condition_expression("pk = :p");
    let query = query.expression_attribute_values(":p", AttributeValue::S("USER#1".to_owned())).send().await;
    assert_eq!(code(&query.unwrap_err()), "AccessDeniedException");
}

#[tokio::test]
async fn a_table_of_another_account_or_region_is_not_the_own_one() {
    let world = world().await;
    let own = world.table("user-keys").unwrap().arn.clone();
    let scan = async |table: String| dynamodb(&world, "broken").scan().table_name(table).send().await.map(|_| ());
    assert!(scan(own.clone()).await.is_ok());
    for foreign in [own.replace("000000000000", "999999999999"), own.replace("us-east-1", "eu-west-1")] {
        assert_ne!(foreign, own);
        assert_eq!(code(&scan(foreign).await.unwrap_err()), "AccessDeniedException");
    }
}

#[tokio::test]
async fn a_denial_says_what_aws_says() {
    let world = world().await;
    let table = world.table("user-keys").unwrap().clone();
    let error = dynamodb(&world, "writer").scan().table_name(&table.physical).send().await.unwrap_err();
    let message = error.as_service_error().unwrap().meta().message().unwrap().to_owned();
    assert!(message.starts_with("User: arn:aws:sts::000000000000:assumed-role/latchkey-writer-role/"), "{message}");
    assert!(message.contains(&format!("dynamodb:Scan on resource: {}", table.arn)), "{message}");
}

#[tokio::test]
async fn an_index_is_a_resource_of_its_own() {
    let world = world().await;
    let table = world.table("user-keys").unwrap().physical.clone();
    let query = |principal| {
        dynamodb(&world, principal)
            .query()
            .table_name(&table)
            .index_name("by-shard")
            .key_condition_expression("listed_in = :s")
            .expression_attribute_values(":s", AttributeValue::S("1".to_owned()))
            .send()
    };
    // This role may query the table itself.
    assert_eq!(world.invoke("reader", serde_json::json!({})).await, Ok(serde_json::json!("read")));
    assert_eq!(code(&query("reader").await.unwrap_err()), "AccessDeniedException");
    assert!(query("admin").await.is_ok());
}

#[tokio::test]
async fn every_member_of_a_batch_or_transaction_counts() {
    let world = world().await;
    let table = world.table("user-keys").unwrap().physical.clone();
    let key = |key: &str| HashMap::from([("pk".to_owned(), AttributeValue::S(key.to_owned()))]);
    let transact = |keys: [&'static str; 2]| {
        let members = keys.map(|name| {
            let put = Put::builder().table_name(&table).set_item(Some(key(name))).build().unwrap();
            TransactWriteItem::builder().put(put).build()
        });
        dynamodb(&world, "writer").transact_write_items().set_transact_items(Some(members.to_vec())).send()
    };
    assert!(transact(["USER#1", "USER#2"]).await.is_ok());
    assert_eq!(code(&transact(["USER#3", "EMAIL#1"]).await.unwrap_err()), "AccessDeniedException");
    assert_eq!(world.scan("user-keys").len(), 2);
    let batch = |keys: [&str; 2]| {
        let keys = KeysAndAttributes::builder().set_keys(Some(keys.map(key).to_vec())).build().unwrap();
        dynamodb(&world, "writer").batch_get_item().request_items(&table, keys).send()
    };
    assert!(batch(["USER#1", "USER#2"]).await.is_ok());
    assert_eq!(code(&batch(["USER#1", "EMAIL#1"]).await.unwrap_err()), "AccessDeniedException");
}

#[tokio::test]
async fn a_key_opens_only_the_purposes_of_the_policy() {
    let world = world().await;
    let key = world.stack().keys[0].arn.clone();
    let kms = |principal| aws_sdk_kms::Client::new(&world.sdk_config(principal));
    let make = |purpose: &str| {
        let call = kms("admin").generate_data_key().key_id(&key).key_spec(DataKeySpec::Aes256);
        call.encryption_context("purpose", purpose).encryption_context("version", "1").send()
    };
    for (purpose, allowed) in [("index", true), ("pepper", false)] {
        let made = make(purpose).await.unwrap();
        let call = kms("writer").decrypt().ciphertext_blob(made.ciphertext_blob.unwrap());
        let opened = call.encryption_context("purpose", purpose).encryption_context("version", "1").send().await;
        match opened {
            Ok(opened) => assert!(allowed && opened.plaintext == made.plaintext),
            Err(error) => assert!(!allowed && code(&error) == "AccessDeniedException", "{error:?}"),
        }
    }
    let made = make("pepper").await.unwrap();
    // The policy allows the claimed purpose, but the ciphertext belongs to another.
    let call = kms("writer").decrypt().ciphertext_blob(made.ciphertext_blob.unwrap());
    let opened = call.encryption_context("purpose", "index").encryption_context("version", "1").send().await;
    assert_eq!(code(&opened.unwrap_err()), "InvalidCiphertextException");
    let purposes: Vec<_> = world.calls().into_iter().filter(|call| call.function == "writer").collect();
    assert_eq!(purposes[1].purpose(), Some("pepper"));
}

async fn mail(world: &World, principal: &str, from: &str) -> Result<(), String> {
    let part = |text: &str| Content::builder().data(text).build().unwrap();
    let parts = Body::builder().text(part("Your code is 123456.")).html(part("<b>123456</b>")).build();
    let message = Message::builder().subject(part("Code")).body(parts).build();
    let sent = aws_sdk_sesv2::Client::new(&world.sdk_config(principal))
        .send_email()
        .from_email_address(from)
        .destination(Destination::builder().to_addresses("you@example.net").build())
        .content(EmailContent::builder().simple(message).build())
        .email_tags(MessageTag::builder().name("kind").value("login_code").build().unwrap())
        .send()
        .await;
    sent.map(|_| ()).map_err(|error| code(&error))
}

#[tokio::test]
async fn only_who_may_send_sends_from_what_is_verified() {
    let world = world().await;
    assert_eq!(mail(&world, "writer", "Us <no-reply@example.com>").await, Ok(()));
    assert_eq!(mail(&world, "echo", "no-reply@example.com").await, Err("AccessDeniedException".to_owned()));
    // The permission comes before the question whether the sender is verified.
    assert_eq!(mail(&world, "writer", "no-reply@example.org").await, Err("AccessDeniedException".to_owned()));
    assert_eq!(mail(&world, "admin", "no-reply@example.org").await, Err("MessageRejected".to_owned()));
    let mails = world.mail();
    assert_eq!(mails.len(), 1);
    assert_eq!((mails[0].kind.as_str(), mails[0].code()), ("login_code", Some("123456")));
    assert_eq!(world.costs()["writer"].mails, 1);
}

#[tokio::test]
async fn a_statement_that_is_dropped_is_missed() {
    let edit = |function: &str, statements: &mut Vec<local::iam::Statement>| {
        if function == "writer" {
            statements.retain(|statement| statement.sid.as_deref() != Some("Write"));
        }
    };
    let world = World::start(Options { edit_policy: Some(Arc::new(edit)), ..options() }).await.unwrap();
    assert_eq!(world.policies("writer").len(), 2);
    assert_eq!(put(&world, "writer", "USER#1").await, Err("AccessDeniedException".to_owned()));
    assert_eq!(mail(&world, "writer", "no-reply@example.com").await, Ok(()));
}
