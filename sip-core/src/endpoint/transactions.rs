//! The table of transactions.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use bytes::Bytes;

use crate::admission::{Transport, TrunkId};
use crate::transaction::{ClientInvite, ClientKey, ClientNonInvite, ServerInvite, ServerKey, ServerNonInvite};
use crate::wire::{Request, Text};

use super::authenticate::Asked;
use super::call::Path;
use super::oversize::Spare;
use super::schedule::Schedule;
use super::trunks::TrunkUse;
use super::{CallKey, Flow, NextHop};

/// Names a transaction of the table. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TxId(u64);

#[derive(Debug)]
pub(super) struct Transactions {
    table: BTreeMap<TxId, Transaction>,
    servers: HashMap<ServerKey, TxId>,
    clients: HashMap<ClientKey, TxId>,
    /// INVITEs outside of any dialog, by what stays the same over all paths (RFC 3261 8.2.2.2).
    merges: HashMap<MergeKey, TxId>,
    schedule: Schedule<TxId>,
    /// Requests that went over TCP for their length, as the datagrams that they would have been.
    spares: HashMap<TxId, Spare>,
    last_id: u64,
}

#[derive(Debug)]
pub(super) enum Transaction {
    Server(ServerTx),
    Client(ClientTx),
}

#[derive(Debug)]
pub(super) struct ServerTx {
    pub(super) key: ServerKey,
    pub(super) merge: Option<MergeKey>,
    pub(super) machine: ServerMachine,
    pub(super) reply: Reply,
    pub(super) call: Option<CallKey>,
}

#[derive(Debug)]
pub(super) enum ServerMachine {
    Invite(ServerInvite),
    NonInvite(ServerNonInvite),
}

#[derive(Debug)]
pub(super) struct ClientTx {
    pub(super) key: ClientKey,
    pub(super) trunk: TrunkId,
    pub(super) machine: ClientMachine,
    pub(super) path: Path,
    pub(super) call: Option<CallKey>,
    pub(super) purpose: Purpose,
    /// For a trunk that we have credentials for: to answer its challenge.
    pub(super) asked: Option<Box<Asked>>,
}

#[derive(Debug)]
pub(super) enum ClientMachine {
    Invite(ClientInvite),
    NonInvite(ClientNonInvite),
}

/// What a request of ours is for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// An INVITE, the first or a later one of its dialog.
    Invite(Box<Forks>),
    /// UPDATE: a session refresh.
    Update,
    /// PRACK, REFER, NOTIFY or INFO: the call waits for the answer.
    Asked,
    /// REGISTER, or OPTIONS outside of any dialog.
    Trunk(TrunkUse),
    /// BYE or CANCEL: nobody waits for the answer.
    Farewell,
}

/// An INVITE of ours and the 2xx responses it got (RFC 3261 13.2.2.4).
#[derive(Debug)]
pub(super) struct Forks {
    /// Without its body.
    pub(super) invite: Request,
    /// The ACK for each To tag that answered 2xx, to be sent again with each retransmission; `None` while it waits for the
    /// TU's answer.
    pub(super) acks: Vec<(Text, Option<Bytes>)>,
    /// The highest CSeq number of a request in any of its early dialogs.
    pub(super) highest_cseq: u32,
    /// Its branch, where the call went elsewhere before it was answered: whoever is heard of is cancelled.
    pub(super) given_up: Option<String>,
}

impl Forks {
    pub(super) fn new(invite: Request) -> Self {
        let highest_cseq = invite.cseq().map(|cseq| cseq.seq).unwrap_or_default();
        Self { invite, acks: Vec::new(), highest_cseq, given_up: None }
    }

    /// The ACK of this To tag's 2xx is sent.
    pub(super) fn keep_ack(&mut self, tag: &Text, ack: Bytes) {
        match self.acks.iter_mut().find(|(known, _)| known == tag) {
            Some((_, kept)) => *kept = Some(ack),
            None => self.acks.push((tag.clone(), Some(ack))),
        }
    }
}

/// Where the response to a request goes: to the packet's source, whatever Via says (THREATS T44).
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) flow: Flow,
    pub(super) transport: Transport,
    pub(super) trunk: TrunkId,
    /// Where to connect when the connection is gone: the source address, at the port that the sender's Via names
    /// (RFC 3261 18.2.2).
    pub(super) fallback: Option<NextHop>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct MergeKey {
    pub(super) call_id: Text,
    pub(super) from_tag: Text,
    pub(super) cseq: u32,
}

impl std::fmt::Debug for MergeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MergeKey").field("cseq", &self.cseq).finish_non_exhaustive()
    }
}

impl Transactions {
    pub(super) fn new() -> Self {
        Self {
            table: BTreeMap::new(),
            servers: HashMap::new(),
            clients: HashMap::new(),
            merges: HashMap::new(),
            schedule: Schedule::new(),
            spares: HashMap::new(),
            last_id: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn add_server(&mut self, tx: ServerTx) -> TxId {
        let id = self.next_id();
        self.servers.insert(tx.key.clone(), id);
        if let Some(merge) = &tx.merge {
            self.merges.insert(merge.clone(), id);
        }
        self.table.insert(id, Transaction::Server(tx));
        self.settle(id);
        id
    }

    pub(super) fn add_client(&mut self, tx: ClientTx) -> TxId {
        let id = self.next_id();
        self.clients.insert(tx.key.clone(), id);
        self.table.insert(id, Transaction::Client(tx));
        self.settle(id);
        id
    }

    /// A client transaction takes over the name of another, which goes on under a name that nobody knows until it is over.
    pub(super) fn succeed(&mut self, id: TxId, tx: ClientTx) {
        if let Some(Transaction::Client(mut old)) = self.table.remove(&id) {
            old.call = None;
            let other = self.next_id();
            self.clients.insert(old.key.clone(), other);
            self.schedule.set(id, None);
            self.table.insert(other, Transaction::Client(old));
            self.settle(other);
        }
        self.clients.insert(tx.key.clone(), id);
        self.table.insert(id, Transaction::Client(tx));
        self.settle(id);
    }

    pub(super) fn find_server(&self, key: &ServerKey) -> Option<TxId> {
        self.servers.get(key).copied()
    }

    pub(super) fn find_client(&self, key: &ClientKey) -> Option<TxId> {
        self.clients.get(key).copied()
    }

    pub(super) fn find_merged(&self, key: &MergeKey) -> Option<TxId> {
        self.merges.get(key).copied()
    }

    /// The server transaction. Call [`Transactions::settle`] after a change.
    pub(super) fn server(&mut self, id: TxId) -> Option<&mut ServerTx> {
        match self.table.get_mut(&id)? {
            Transaction::Server(tx) => Some(tx),
            Transaction::Client(_) => None,
        }
    }

    /// The client transaction. Call [`Transactions::settle`] after a change.
    pub(super) fn client(&mut self, id: TxId) -> Option<&mut ClientTx> {
        match self.table.get_mut(&id)? {
            Transaction::Client(tx) => Some(tx),
            Transaction::Server(_) => None,
        }
    }

    /// What a request of ours is for.
    pub(super) fn purpose(&self, id: TxId) -> Option<&Purpose> {
        match self.table.get(&id)? {
            Transaction::Client(tx) => Some(&tx.purpose),
            Transaction::Server(_) => None,
        }
    }

    pub(super) fn set_spare(&mut self, id: TxId, spare: Spare) {
        self.spares.insert(id, spare);
    }

    pub(super) fn spare_flow(&self, id: TxId) -> Option<Flow> {
        self.spares.get(&id).map(|spare| spare.path.flow)
    }

    pub(super) fn take_spare(&mut self, id: TxId) -> Option<Spare> {
        self.spares.remove(&id)
    }

    /// Whether a request of ours has no final response yet.
    pub(super) fn asks(&self) -> bool {
        self.table.values().any(|tx| match tx {
            Transaction::Server(_) => false,
            Transaction::Client(ClientTx { machine: ClientMachine::Invite(machine), .. }) => machine.is_pending(),
            Transaction::Client(ClientTx { machine: ClientMachine::NonInvite(machine), .. }) => machine.is_pending(),
        })
    }

    /// The transactions of which this is true.
    pub(super) fn find_all(&self, is_meant: impl Fn(&Transaction) -> bool) -> Vec<TxId> {
        self.table.iter().filter(|(_, tx)| is_meant(tx)).map(|(id, _)| *id).collect()
    }

    /// The client transactions whose requests wait for this connection.
    pub(super) fn clients_on(&self, flow: Flow) -> Vec<TxId> {
        let on = |tx: &Transaction| matches!(tx, Transaction::Client(tx) if tx.path.flow == flow);
        self.table.iter().filter(|(_, tx)| on(tx)).map(|(id, _)| *id).collect()
    }

    /// Takes over a machine's new deadline, and forgets a transaction that is over.
    pub(super) fn settle(&mut self, id: TxId) {
        let Some(tx) = self.table.get(&id) else { return };
        if !tx.is_terminated() {
            self.schedule.set(id, tx.deadline());
            return;
        }
        self.schedule.set(id, None);
        self.spares.remove(&id);
        match self.table.remove(&id) {
            Some(Transaction::Server(tx)) => {
                self.servers.remove(&tx.key);
                if let Some(merge) = &tx.merge {
                    self.merges.remove(merge);
                }
            }
            Some(Transaction::Client(tx)) => {
                self.clients.remove(&tx.key);
            }
            None => {}
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.schedule.next()
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(TxId, &mut Transaction)> {
        let id = self.schedule.pop_due(now)?;
        self.table.get_mut(&id).map(|tx| (id, tx))
    }

    fn next_id(&mut self) -> TxId {
        self.last_id += 1;
        TxId(self.last_id)
    }
}

impl Transaction {
    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Server(ServerTx { machine: ServerMachine::Invite(machine), .. }) => machine.deadline(),
            Self::Server(ServerTx { machine: ServerMachine::NonInvite(machine), .. }) => machine.deadline(),
            Self::Client(ClientTx { machine: ClientMachine::Invite(machine), .. }) => machine.deadline(),
            Self::Client(ClientTx { machine: ClientMachine::NonInvite(machine), .. }) => machine.deadline(),
        }
    }

    fn is_terminated(&self) -> bool {
        match self {
            Self::Server(ServerTx { machine: ServerMachine::Invite(machine), .. }) => machine.is_terminated(),
            Self::Server(ServerTx { machine: ServerMachine::NonInvite(machine), .. }) => machine.is_terminated(),
            Self::Client(ClientTx { machine: ClientMachine::Invite(machine), .. }) => machine.is_terminated(),
            Self::Client(ClientTx { machine: ClientMachine::NonInvite(machine), .. }) => machine.is_terminated(),
        }
    }
}
