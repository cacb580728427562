//! A page in a real browser, driven through the DevTools pipe: JSON messages, each ended by a NUL.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use super::chromium::Chromium;
use crate::harness::{TEST_TIMEOUT, wait_for};

/// An open page; its browser ends on drop.
pub(super) struct Page {
    _browser: Chromium,
    commands: ChildStdin,
    messages: Receiver<Value>,
    session: Option<String>,
    calls: u64,
    /// Errors of the page: uncaught exceptions and policy violations.
    errors: Vec<Value>,
}

impl Page {
    /// Opens a page in a browser from [`Chromium::drive`].
    pub(super) fn open(url: &str, named: SocketAddr) -> Option<Self> {
        let (browser, commands, answers) = Chromium::drive(named)?;
        let (sender, messages) = channel();
        std::thread::spawn(move || read(answers, |message| sender.send(message).is_ok()));
        let mut page = Self {
            _browser: browser,
            commands,
            messages,
            session: None,
            calls: 0,
            errors: Vec::new(),
        };
        let target = wait_for("a page", || {
            let targets = page.call("Target.getTargets", &json!({}));
            let targets = targets["targetInfos"].as_array().cloned()?;
            targets.into_iter().find(|target| target["type"] == "page")
        });
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = page.call("Target.attachToTarget", &attach);
        page.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            page.call(domain, &json!({}));
        }
        page.go(url);
        Some(page)
    }

    /// Navigates to another page.
    pub(super) fn go(&mut self, url: &str) {
        self.call("Page.navigate", &json!({ "url": url }));
    }

    /// Evaluates an expression and awaits its promise.
    pub(super) fn ask(&mut self, expression: &str) -> Value {
        let how = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", &how);
        assert!(
            answer["exceptionDetails"].is_null(),
            "{expression}: {answer}"
        );
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true. It may throw before that.
    pub(super) fn until(&mut self, expression: &str) {
        let careful = format!("(() => {{ try {{ return {expression} }} catch {{}} }})()");
        wait_for(expression, || {
            (self.ask(&careful) == json!(true)).then_some(())
        });
    }

    /// Waits until a matching element is visible, and clicks it with the mouse.
    pub(super) fn click(&mut self, selector: &str) {
        self.until(&format!(
            "document.querySelector({selector:?}).checkVisibility()"
        ));
        self.ask(&format!("document.querySelector({selector:?}).click()"));
    }

    /// Types text into the focused element.
    pub(super) fn write(&mut self, text: &str) {
        self.call("Input.insertText", &json!({ "text": text }));
    }

    /// Presses a key that produces `text`, if any.
    pub(super) fn press(&mut self, key: &str, code: u32, text: &str) {
        let event = |kind| json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text });
        self.call("Input.dispatchKeyEvent", &event("keyDown"));
        self.call("Input.dispatchKeyEvent", &event("keyUp"));
    }

    /// Chooses a file in a file input.
    pub(super) fn choose(&mut self, selector: &str, file: &Path) {
        let document = self.call("DOM.getDocument", &json!({}));
        let root = &document["root"]["nodeId"];
        let find = json!({ "nodeId": root, "selector": selector });
        let node = self.call("DOM.querySelector", &find);
        let files = json!({ "nodeId": node["nodeId"], "files": [file] });
        self.call("DOM.setFileInputFiles", &files);
    }

    /// Reloads the page.
    pub(super) fn reload(&mut self) {
        self.ask("window.old = true");
        self.call("Page.reload", &json!({}));
        self.until("window.old === undefined && document.readyState === 'complete'");
    }

    /// Errors of the page so far.
    pub(super) fn errors(&mut self) -> &[Value] {
        // Messages that came before this answer are read with it.
        self.ask("0");
        &self.errors
    }

    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        self.send(id, method, params);
        loop {
            let message = self.messages.recv_timeout(TEST_TIMEOUT);
            let message = message.unwrap_or_else(|e| panic!("{method}: {e}"));
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            match message["method"].as_str() {
                Some("Runtime.exceptionThrown") => self.errors.push(message),
                Some("Log.entryAdded") if message["params"]["entry"]["source"] == "security" => {
                    self.errors.push(message);
                }
                // Accepts every dialog.
                Some("Page.javascriptDialogOpening") => {
                    self.calls += 1;
                    let (id, yes) = (self.calls, json!({ "accept": true }));
                    self.send(id, "Page.handleJavaScriptDialog", &yes);
                }
                _ => {}
            }
        }
    }

    fn send(&mut self, id: u64, method: &str, params: &Value) {
        let mut command = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = &self.session {
            command["sessionId"] = session.as_str().into();
        }
        let written = write!(self.commands, "{command}\0");
        written.expect("the browser listens");
    }
}

/// Passes on each message until the receiver is gone.
fn read(answers: ChildStdout, mut hand_on: impl FnMut(Value) -> bool) {
    let mut answers = BufReader::new(answers);
    let mut message = Vec::new();
    while answers.read_until(0, &mut message).is_ok_and(|n| n > 0) {
        message.pop();
        let message = std::mem::take(&mut message);
        if !serde_json::from_slice(&message).is_ok_and(&mut hand_on) {
            break;
        }
    }
}
