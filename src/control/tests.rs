//! The registry in made-up time, and both ways through [`Control`].

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dialplan::{Name, Number};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::registry::Registry;
use super::*;
use crate::telemetry::Pii;

fn new_call(id: CallId, key: &PiiKey) -> NewCall {
    NewCall {
        id,
        direction: Direction::Outbound,
        from: Pii::new("+14155550111", key),
        to: Pii::new("+14155550122", key),
        app: None,
        status_callback_url: Some("https://bot.example.com/status?t=1".parse().unwrap()),
        custom: BTreeMap::new(),
    }
}

pub(crate) fn order_to(number: &str) -> PlaceOrder {
    let name = |text: &str| text.parse::<Name>().unwrap();
    PlaceOrder {
        key_name: name("ops"),
        app: name("bot"),
        trunks: vec![name("carrier")],
        from: Number::new("+14155550111").unwrap(),
        to: Number::new(number).unwrap(),
        flow_url: None,
        first: None,
        status_callback_url: None,
        ring_timeout: None,
        custom: BTreeMap::new(),
    }
}

#[test]
fn a_call_moves_on_and_never_back() {
    let (key, now, id) = (PiiKey::default(), Instant::now(), Uuid::new_v4());
    let mut registry = Registry::new(10, Duration::from_mins(1));
    let (orders, _inbox) = mpsc::channel(1);
    let begun = registry.enter(new_call(id, &key), orders, 1_000).unwrap();
    assert_eq!((begun.view.state, begun.view.created_ms), (CallState::Initiated, 1_000));
    let answered = registry.advance(id, CallState::Answered, None, 2_000, now).unwrap();
    assert_eq!((answered.view.state, answered.view.answered_ms), (CallState::Answered, Some(2_000)));
    assert!(registry.advance(id, CallState::Ringing, None, 2_500, now).is_none(), "a late 180 changes nothing");
    let ended = registry.advance(id, CallState::Failed, Some("lost".to_owned()), 3_000, now).unwrap();
    assert_eq!(ended.view.state, CallState::Completed, "what was answered is completed");
    assert_eq!((ended.view.ended_ms, ended.view.reason.as_deref()), (Some(3_000), Some("lost")));
    assert!(registry.advance(id, CallState::Completed, None, 4_000, now).is_none(), "one end only");
    assert_eq!(registry.orders(id, now).unwrap_err(), OrderRefused::NotLive);
}

#[test]
fn ended_calls_are_bounded_in_number_and_age() {
    let (key, now) = (PiiKey::default(), Instant::now());
    let mut registry = Registry::new(3, Duration::from_mins(1));
    let (orders, _inbox) = mpsc::channel(1);
    let live = Uuid::new_v4();
    registry.enter(new_call(live, &key), orders.clone(), 0);
    let ids: Vec<_> = (0..5).map(|_| Uuid::new_v4()).collect();
    for id in &ids {
        registry.enter(new_call(*id, &key), orders.clone(), 0);
        registry.advance(*id, CallState::Failed, None, 0, now);
    }
    assert_eq!(registry.len(), 4, "three that ended and one that lives");
    assert!(registry.view(ids[1], now).is_none() && registry.view(ids[2], now).is_some());
    let later = now + Duration::from_mins(1);
    assert!(registry.view(ids[4], later).is_none());
    assert!(registry.view(live, later).is_some(), "a call that lives is never forgotten");
    assert_eq!(registry.len(), 1);
}

#[tokio::test]
async fn a_placed_call_is_known_before_its_order_is_answered() {
    let (control, mut outlets) = Control::new(PiiKey::default());
    let opener = tokio::spawn(async move {
        let first = outlets.placing.recv().await.unwrap();
        let accepted = first.accept().unwrap();
        outlets.placing.recv().await.unwrap().refuse(PlaceRefused::DestinationNotAllowed);
        drop(outlets.placing.recv().await.unwrap());
        accepted
    });
    let id = control.place(order_to("+14155550122")).await.unwrap();
    let view = control.get(id).unwrap();
    assert_eq!((view.state, view.to.expose()), (CallState::Initiated, "+14155550122"));
    assert!(!format!("{view:?}").contains("4155550122"));
    assert_eq!(control.place(order_to("+19005550122")).await, Err(PlaceRefused::DestinationNotAllowed));
    assert_eq!(control.place(order_to("+14155550122")).await, Err(PlaceRefused::Draining), "dropped unanswered");
    assert_eq!(control.place(order_to("+14155550122")).await, Err(PlaceRefused::Draining), "nobody opens calls");
    let (presence, _) = opener.await.unwrap();
    drop(presence);
    let view = control.get(id).unwrap();
    assert_eq!((view.state, view.reason.as_deref()), (CallState::Failed, Some("internal_error")));
}

#[tokio::test]
async fn an_order_reaches_the_actor_and_its_answer_comes_back() {
    let (control, _outlets) = Control::new(PiiKey::default());
    let id = Uuid::new_v4();
    let mut presence = control.enter(new_call(id, control.pii()));
    presence.answered();
    for name in ["bot", "thief"] {
        presence.belongs_to(&name.parse().unwrap());
    }
    assert_eq!(control.get(id).unwrap().app, Some("bot".parse().unwrap()), "the first application keeps the call");
    let actor = tokio::spawn(async move {
        let order = presence.next_order().await.unwrap().accept();
        presence.next_order().await.unwrap().refuse(OrderRefused::NotPossible);
        drop(presence.next_order().await.unwrap());
        presence.ended(CallState::Completed, "hangup");
        order
    });
    let digits = SecretDigits::parse("12#").unwrap();
    let order = Order::SendDigits { digits, tone: Duration::from_millis(100) };
    assert!(!format!("{order:?}").contains("12#"));
    assert_eq!(control.order(id, order.clone()).await, Ok(()));
    assert_eq!(control.order(id, order.clone()).await, Err(OrderRefused::NotPossible));
    assert_eq!(control.order(id, order.clone()).await, Err(OrderRefused::NotLive), "dropped unanswered");
    assert_eq!(actor.await.unwrap(), order);
    assert_eq!(control.order(id, order.clone()).await, Err(OrderRefused::NotLive));
    assert_eq!(control.order(Uuid::new_v4(), order).await, Err(OrderRefused::Unknown));
}

#[tokio::test]
async fn a_call_that_does_not_take_orders_fills_its_queue_only() {
    let (control, _outlets) = Control::new(PiiKey::default());
    let id = Uuid::new_v4();
    let _presence = control.enter(new_call(id, control.pii()));
    let hangup = || Order::Hangup { reason: None };
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..ORDER_QUEUE {
        let (control, order) = (control.clone(), hangup());
        waiting.spawn(async move { control.order(id, order).await });
    }
    tokio::task::yield_now().await;
    assert_eq!(control.order(id, hangup()).await, Err(OrderRefused::Busy));
}

#[test]
fn digits_are_keys_and_nothing_else() {
    assert_eq!(SecretDigits::parse("0123456789*#ABCD").unwrap().expose(), "0123456789*#ABCD");
    for wrong in ["", "12 3", "e", "a", "１", &"1".repeat(MAX_DIGITS + 1)] {
        assert_eq!(SecretDigits::parse(wrong), None, "{wrong}");
    }
    assert_eq!(format!("{:?}", SecretDigits::parse("4711").unwrap()), "SecretDigits(4 keys)");
}
