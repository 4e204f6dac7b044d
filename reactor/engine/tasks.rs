//! Futures on the loop: `async` blocks that run where callbacks run.
//!
//! A task is polled when it was woken, in the phase of the turn that makes queued calls, and again
//! when sockets and timers have been served, so that what it writes goes out in the same turn. A
//! waker may be used from any thread. On the loop's own thread it costs no system call: the loop
//! looks at the list of woken tasks before it sleeps.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};

use crate::contained::Contained;
use crate::deferred::{Deferred, Panicked, TaskOutcome};
use crate::driver;
use crate::engine::dispatch::Dispatch;
use crate::engine::table::{Table, Token};
use crate::observe::{Callback, Cause};
use crate::transport::LoopSide;

/// The tasks of one loop.
pub(crate) struct Tasks {
    table: RefCell<Table<Task>>,
    woken: Arc<Woken>,
}

struct Task {
    future: Contained<Pin<Box<dyn Future<Output = ()>>>>,
    waker: Arc<TaskWaker>,
    name: &'static str,
    place: &'static Location<'static>,
    /// Fires the task's Deferred when the future panicked, with the message.
    panicked: Box<dyn FnOnce(String)>,
}

/// The tasks that are to be polled, in the order in which they were woken.
struct Woken {
    tokens: Mutex<VecDeque<Token>>,
    /// Whether there are any, so that a turn without any takes no lock.
    pending: AtomicBool,
    thread: ThreadId,
    driver: Arc<dyn driver::Wake>,
}

struct TaskWaker {
    token: Token,
    woken: Arc<Woken>,
    /// Whether the task is on the list already.
    is_woken: AtomicBool,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_woken.swap(true, Ordering::SeqCst) {
            return;
        }
        self.woken.push(self.token);
        // A write to the waker's descriptor is a system call, which the loop's own thread can do without.
        if thread::current().id() != self.woken.thread {
            self.woken.driver.wake();
        }
    }
}

impl Woken {
    fn push(&self, token: Token) {
        let mut tokens = self.tokens();
        tokens.push_back(token);
        self.pending.store(true, Ordering::SeqCst);
    }

    /// How many there are.
    fn len(&self) -> usize {
        if !self.pending.load(Ordering::SeqCst) {
            return 0;
        }
        self.tokens().len()
    }

    /// The one that was woken first.
    fn next(&self) -> Option<Token> {
        let mut tokens = self.tokens();
        let next = tokens.pop_front();
        self.pending.store(!tokens.is_empty(), Ordering::SeqCst);
        next
    }

    fn tokens(&self) -> MutexGuard<'_, VecDeque<Token>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tasks {
    pub(crate) fn new(driver: Arc<dyn driver::Wake>) -> Self {
        let woken = Woken {
            tokens: Mutex::default(),
            pending: AtomicBool::new(false),
            thread: thread::current().id(),
            driver,
        };
        Self {
            table: RefCell::new(Table::default()),
            woken: Arc::new(woken),
        }
    }

    /// Whether a task is to be polled before the loop may sleep.
    pub(crate) fn are_woken(&self) -> bool {
        self.woken.pending.load(Ordering::SeqCst)
    }

    pub(crate) fn len(&self) -> usize {
        self.table.borrow().len()
    }
}

impl Tasks {
    /// Begins a task.
    pub(crate) fn spawn<F, R>(
        self: &Rc<Self>,
        future: F,
        place: &'static Location<'static>,
    ) -> Deferred<R::Output>
    where
        F: Future<Output = R> + 'static,
        R: TaskOutcome,
    {
        let (resolver, deferred) = Deferred::pending();
        let token = self.table.borrow_mut().reserve();
        let tasks = Rc::downgrade(self);
        resolver.on_cancel(move || {
            if let Some(tasks) = tasks.upgrade() {
                tasks.drop_task(token);
            }
        });
        // Shared by the future, which fires it at its end, and by the panic, which ends the future early.
        let resolver = Rc::new(RefCell::new(Some(resolver)));
        let for_panic = Rc::clone(&resolver);
        let run = async move {
            let result = future.await.into_deferred();
            let Some(resolver) = resolver.take() else {
                return;
            };
            result.add_both(|result| resolver.fire(result));
        };
        let waker = TaskWaker {
            token,
            woken: Arc::clone(&self.woken),
            is_woken: AtomicBool::new(false),
        };
        let task = Task {
            future: Contained::new(Box::pin(run)),
            waker: Arc::new(waker),
            name: std::any::type_name::<F>(),
            place,
            panicked: Box::new(move |message| {
                if let Some(resolver) = for_panic.take() {
                    resolver.errback(Panicked(message));
                }
            }),
        };
        task.waker.wake_by_ref();
        let left_over = self.table.borrow_mut().put(token, task);
        drop(left_over);
        deferred
    }

    /// Polls the tasks that were woken. Those that are woken while these run wait for the next time.
    pub(super) fn run_woken(&self, dispatch: &Dispatch, loop_side: &LoopSide) {
        loop_side.begin_kind();
        for _ in 0..self.woken.len() {
            if !loop_side.count_call() {
                return;
            }
            let Some(token) = self.woken.next() else {
                return;
            };
            let task = self.table.borrow_mut().take(token);
            if let Some(task) = task {
                self.poll(dispatch, token, task);
            }
        }
    }

    fn poll(&self, dispatch: &Dispatch, token: Token, mut task: Task) {
        // Before the poll: a wake-up from now on, even in the middle of it, puts the task on the list
        // again. Afterwards would lose one.
        task.waker.is_woken.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&task.waker));
        let (name, place) = (task.name, Some(task.place));
        let callback = || Callback {
            cause: Cause::Task,
            connection: None,
            name,
            place,
        };
        let mut context = Context::from_waker(&waker);
        let polled = dispatch.call(callback, || task.future.as_mut().poll(&mut context));
        match polled {
            Ok(Poll::Pending) => {
                // It may have been cancelled by what it did itself.
                let left_over = self.table.borrow_mut().put(token, task);
                drop(left_over); // outside the borrow
            }
            Ok(Poll::Ready(())) => self.drop_task(token),
            Err(message) => {
                self.drop_task(token);
                let Task {
                    future, panicked, ..
                } = task;
                drop(future); // before the Deferred fires: what it held is free then
                panicked(message);
            }
        }
    }

    fn drop_task(&self, token: Token) {
        let task = self.table.borrow_mut().remove(token);
        drop(task); // outside the borrow
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").field("len", &self.len()).finish()
    }
}
