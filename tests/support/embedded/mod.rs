//! An SSH server inside this process, made with russh: for machines without a server, and for logins that an sshd
//! without PAM can't offer.
//!
//! It listens on a free loopback port and serves one directory as its root by SFTP. Dropping it ends it.

mod files;

use files::{Files, Manners};
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{PrivateKey, PublicKey};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Msg, Response, RunningServerHandle, Server as _, Session, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, MethodKind, MethodSet};
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// One round of keyboard-interactive: the server's text, and for each prompt, whether it is echoed and which answer
/// is right.
#[derive(Clone, Debug, Default)]
pub struct Round {
    pub name: String,
    pub instructions: String,
    pub prompts: Vec<(String, bool, String)>,
}

/// A server to be started, with its demands on clients.
#[must_use]
#[derive(Clone, Debug, Default)]
pub struct Embedded {
    user: Option<String>,
    public_keys: Vec<String>,
    takes_keys: bool,
    password: Option<String>,
    rounds: Vec<Round>,
    all_required: bool,
    endless: bool,
    asks_nothing: bool,
    lets_in_once: bool,
    banner: Option<String>,
    software: Option<String>,
    manners: Manners,
}

impl Embedded {
    /// Creates a server that lets no client in yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets in only this user. By default, any user may log in.
    pub fn user(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    /// Knows this public key, in OpenSSH's form. [`Embedded::takes_keys`] decides whether keys are accepted.
    pub fn public_key(mut self, key: &str) -> Self {
        self.public_keys.push(key.to_owned());
        self
    }

    /// Accepts a known key.
    pub fn takes_keys(mut self) -> Self {
        self.takes_keys = true;
        self
    }

    /// Accepts this password.
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// Accepts right answers in these rounds.
    pub fn keyboard_interactive(mut self, rounds: impl IntoIterator<Item = Round>) -> Self {
        self.rounds = rounds.into_iter().collect();
        self
    }

    /// Demands all of the methods above, one after another, instead of any one of them.
    pub fn all_required(mut self) -> Self {
        self.all_required = true;
        self
    }

    /// Repeats the first round forever, whatever the answer.
    pub fn endless(mut self) -> Self {
        self.endless = true;
        self
    }

    /// Lets in only one client: an answer that was right once is wrong later, like a one-time code.
    pub fn lets_in_once(mut self) -> Self {
        self.lets_in_once = true;
        self
    }

    /// Accepts a user's name without further proof.
    pub fn asks_nothing(mut self) -> Self {
        self.asks_nothing = true;
        self
    }

    /// Sends this text before the login.
    pub fn banner(mut self, text: &str) -> Self {
        self.banner = Some(text.to_owned());
        self
    }

    /// Uses this software version, such as `AsyncSSH_2.10.1`, and makes links in the way of that software.
    pub fn calling_itself(mut self, software: &str) -> Self {
        self.software = Some(software.to_owned());
        self.manners.link_first = true;
        self
    }

    /// Names this user and this group as the owners of all files.
    pub fn owned_by(mut self, user: &str, group: &str) -> Self {
        self.manners.owner = Some((user.to_owned(), group.to_owned()));
        self
    }

    /// Starts to serve a directory.
    pub fn start(self, root: &Path) -> RunningEmbedded {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let socket = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
        let port = socket.local_addr().expect("bound above").port();
        let key = host_key();
        let public = key.public_key().clone();
        let mut config = Config {
            keys: vec![key],
            methods: self.methods(),
            // Otherwise each answer that spans several packets would wait for the client's delayed acknowledgement:
            // 43 ms.
            nodelay: true,
            auth_rejection_time: Duration::from_millis(1),
            auth_rejection_time_initial: Some(Duration::ZERO),
            ..Config::default()
        };
        if let Some(software) = &self.software {
            config.server_id = russh::SshId::Standard(format!("SSH-2.0-{software}").into());
        }
        let config = Arc::new(config);
        let log = Arc::new(Mutex::new(String::new()));
        let has_let_in = Arc::new(AtomicBool::new(false));
        let mut server = Server { plan: Arc::new(self), root: root.to_owned(), log: Arc::clone(&log), has_let_in };
        let (give_handle, handle) = mpsc::channel();
        runtime.spawn(async move {
            let running = server.run_on_socket(config, &socket);
            let _ = give_handle.send(running.handle());
            running.await
        });
        let handle = handle.recv().expect("the task above sends it first");
        RunningEmbedded { runtime: Some(runtime), port, public, log, handle }
    }

    fn methods(&self) -> MethodSet {
        let mut methods = MethodSet::empty();
        if self.takes_keys {
            methods.push(MethodKind::PublicKey);
        }
        if self.password.is_some() {
            methods.push(MethodKind::Password);
        }
        if !self.rounds.is_empty() {
            methods.push(MethodKind::KeyboardInteractive);
        }
        methods
    }
}

/// A running server.
pub struct RunningEmbedded {
    runtime: Option<Runtime>,
    port: u16,
    public: PublicKey,
    log: Arc<Mutex<String>>,
    handle: RunningServerHandle,
}

impl RunningEmbedded {
    /// Disconnects all clients with a DISCONNECT (BY_APPLICATION) and this reason, and accepts no more.
    pub fn shut_down(&self, reason: &str) {
        self.handle.shutdown(reason.to_owned());
    }

    /// Returns its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns its line for a known_hosts file.
    pub fn known_hosts(&self) -> String {
        format!("[127.0.0.1]:{} {}\n", self.port, self.public.to_openssh().expect("our own key has a text form"))
    }

    /// Returns the log, which lists all authentication requests.
    pub fn log(&self) -> String {
        self.log.lock().map(|log| log.clone()).unwrap_or_default()
    }
}

impl Drop for RunningEmbedded {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }
}

fn host_key() -> PrivateKey {
    let mut seed = [0; 32];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut seed))
        .expect("every Unix has /dev/urandom");
    PrivateKey::from(Ed25519Keypair::from_seed(&seed))
}

struct Server {
    plan: Arc<Embedded>,
    root: PathBuf,
    log: Arc<Mutex<String>>,
    has_let_in: Arc<AtomicBool>,
}

impl russh::server::Server for Server {
    type Handler = Connection;

    fn new_client(&mut self, _: Option<SocketAddr>) -> Connection {
        Connection {
            left: self.plan.methods(),
            plan: Arc::clone(&self.plan),
            root: self.root.clone(),
            log: Arc::clone(&self.log),
            has_let_in: Arc::clone(&self.has_let_in),
            round: 0,
            channels: HashMap::new(),
        }
    }
}

/// One client.
struct Connection {
    plan: Arc<Embedded>,
    root: PathBuf,
    log: Arc<Mutex<String>>,
    /// True if the server has let a client in.
    has_let_in: Arc<AtomicBool>,
    /// The methods that are still missing, if all are required.
    left: MethodSet,
    round: usize,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

impl Connection {
    /// Decides about one method, and writes the verdict to the log.
    fn judge(&mut self, user: &str, method: MethodKind, passed: bool) -> Auth {
        let is_used = self.plan.lets_in_once && self.has_let_in.load(Ordering::SeqCst);
        let passed = passed && !is_used && self.plan.user.as_deref().is_none_or(|only| only == user);
        if let Ok(mut log) = self.log.lock() {
            log.push_str(&format!(
                "{} {} for {user}\n",
                if passed { "Accepted" } else { "Failed" },
                <&str>::from(&method)
            ));
        }
        if !passed {
            return Auth::Reject { proceed_with_methods: Some(self.left.clone()), partial_success: false };
        }
        self.left.remove(method);
        if self.plan.all_required && !self.left.is_empty() {
            return Auth::Reject { proceed_with_methods: Some(self.left.clone()), partial_success: true };
        }
        self.has_let_in.store(true, Ordering::SeqCst);
        Auth::Accept
    }

    /// Writes a request to the log. russh reports requests with keys more often than clients make them.
    fn note(&self, method: &str) {
        if let Ok(mut log) = self.log.lock() {
            log.push_str(&format!("Request {method}\n"));
        }
    }

    /// Asks the questions of the next round.
    fn ask(&self) -> Auth {
        let round = self.plan.rounds.get(self.round).cloned().unwrap_or_default();
        let prompts: Vec<(Cow<'static, str>, bool)> =
            round.prompts.into_iter().map(|(prompt, echo, _)| (prompt.into(), echo)).collect();
        Auth::Partial { name: round.name.into(), instructions: round.instructions.into(), prompts: prompts.into() }
    }
}

impl russh::server::Handler for Connection {
    type Error = russh::Error;

    async fn auth_none(&mut self, _: &str) -> Result<Auth, Self::Error> {
        self.note("none");
        Ok(if self.plan.asks_nothing { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        self.note("password");
        let right = self.plan.password.as_deref() == Some(password);
        Ok(self.judge(user, MethodKind::Password, right))
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let known = self.plan.public_keys.iter().filter_map(|line| PublicKey::from_openssh(line).ok());
        let right =
            self.plan.takes_keys && known.into_iter().any(|known| known.key_data() == key.public_key.key_data());
        Ok(self.judge(user, MethodKind::PublicKey, right))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let Some(response) = response else {
            self.note("keyboard-interactive");
            self.round = 0;
            return Ok(self.ask());
        };
        if self.plan.endless {
            return Ok(self.ask());
        }
        let answers: Vec<_> = response.map(|answer| answer.to_vec()).collect();
        let wanted: Vec<_> = self
            .plan
            .rounds
            .get(self.round)
            .map(|round| round.prompts.iter().map(|(_, _, answer)| answer.as_bytes().to_vec()).collect())
            .unwrap_or_default();
        if answers != wanted {
            return Ok(self.judge(user, MethodKind::KeyboardInteractive, false));
        }
        self.round += 1;
        Ok(if self.round < self.plan.rounds.len() {
            self.ask()
        } else {
            self.judge(user, MethodKind::KeyboardInteractive, true)
        })
    }

    async fn authentication_banner(&mut self) -> Result<Option<String>, Self::Error> {
        Ok(self.plan.banner.clone())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn channel_eof(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        session.close(channel)
    }

    async fn subsystem_request(&mut self, id: ChannelId, name: &str, session: &mut Session) -> Result<(), Self::Error> {
        match self.channels.remove(&id) {
            Some(channel) if name == "sftp" => {
                session.channel_success(id)?;
                let files = Files::beneath(&self.root, self.plan.manners.clone());
                russh_sftp::server::run(channel.into_stream(), files).await;
                Ok(())
            }
            _ => session.channel_failure(id),
        }
    }
}
