//! Channels, `select!`, streams and traits of other crates on the tasks of the reactor: what the guide says.
//!
//! Each brings wakers and no reactor of its own, and that is all it takes. The threads here are the test's; no
//! runtime of tokio is there.

#[cfg(test)]
mod traits;

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use futures::stream::FuturesUnordered;
    use futures::{FutureExt, StreamExt, pin_mut, select};
    use reactor::testing::Simulation;
    use reactor::{Failure, Reactor};
    use tokio::sync::{broadcast, mpsc, oneshot, watch};

    const SECOND: Duration = Duration::from_secs(1);

    fn reactor() -> Reactor {
        Reactor::new().expect("a loop")
    }

    #[test]
    fn a_task_receives_from_async_channel_and_a_bound_holds_a_thread_back() {
        let reactor = reactor();
        let (sender, receiver) = async_channel::bounded(4);
        let thread = thread::spawn(move || {
            for n in 0..1_000 {
                sender.send_blocking(n).expect("the task receives");
            }
        });
        let sum = reactor.spawn(async move {
            let mut sum = 0;
            while let Ok(n) = receiver.recv().await {
                sum += n;
            }
            Ok(sum)
        });
        assert_eq!(reactor.run_until(sum).expect("it ends"), 499_500);
        thread.join().expect("it ends");
    }

    #[test]
    fn a_task_receives_from_mpsc_of_tokio() {
        let reactor = reactor();
        let (sender, mut receiver) = mpsc::channel(4);
        let thread = thread::spawn(move || {
            for n in 0..1_000 {
                sender.blocking_send(n).expect("the task receives");
            }
        });
        let count = reactor.spawn(async move {
            let mut count = 0;
            while receiver.recv().await.is_some() {
                count += 1;
            }
            Ok(count)
        });
        assert_eq!(reactor.run_until(count).expect("it ends"), 1_000);
        thread.join().expect("it ends");
    }

    #[test]
    fn each_task_gets_what_broadcast_of_tokio_sends() {
        let reactor = reactor();
        let (sender, _) = broadcast::channel(16);
        let tasks = [(); 3].map(|()| {
            let mut receiver = sender.subscribe();
            reactor.spawn(async move {
                let mut seen = Vec::new();
                while let Ok(word) = receiver.recv().await {
                    seen.push(word);
                }
                Ok(seen)
            })
        });
        let thread = thread::spawn(move || {
            for word in ["to", "all"] {
                sender.send(word).expect("three receive");
            }
        });
        let all = reactor.run_until(reactor::deferred::gather_results(tasks));
        assert_eq!(all.expect("they end"), [["to", "all"]; 3]);
        thread.join().expect("it ends");
    }

    #[test]
    fn a_task_sees_the_latest_value_of_watch_of_tokio() {
        let reactor = reactor();
        let (sender, mut receiver) = watch::channel(0);
        let thread = thread::spawn(move || {
            for n in 1..=100 {
                sender.send(n).expect("one receives");
            }
        });
        let last = reactor.spawn(async move {
            while receiver.changed().await.is_ok() {}
            Ok(*receiver.borrow())
        });
        assert_eq!(reactor.run_until(last).expect("it ends"), 100);
        thread.join().expect("it ends");
    }

    #[test]
    fn select_of_futures_takes_what_is_first_and_leaves_the_other() {
        let simulation = Simulation::new();
        let reactor = simulation.reactor();
        let (clock, (sender, receiver)) = (reactor.clone(), async_channel::bounded(1));
        reactor.call_later(3 * SECOND, move || {
            sender.try_send("news").expect("there is room");
        });
        let task = reactor.spawn(async move {
            let mut ticks = 0;
            loop {
                // Fused, since `select!` may poll what has ended.
                let tick = clock.defer_later(2 * SECOND).into_future().fuse();
                let news = receiver.recv().fuse();
                pin_mut!(tick, news);
                select! {
                    _ = tick => ticks += 1,
                    news = news => return Ok((news?, ticks)),
                }
            }
        });
        assert_eq!(reactor.run_until(task).expect("it ends"), ("news", 1));
        assert_eq!(simulation.elapsed(), 3 * SECOND);
    }

    #[test]
    fn select_of_tokio_works_without_its_runtime() {
        let simulation = Simulation::new();
        let reactor = simulation.reactor();
        let (clock, (sender, receiver)) = (reactor.clone(), oneshot::channel());
        reactor.call_later(SECOND, move || {
            sender.send("answer").expect("it is awaited")
        });
        let task = reactor.spawn(async move {
            tokio::select! {
                answer = receiver => Ok(answer?),
                late = clock.defer_later(10 * SECOND) => late.and(Err(Failure::message("late"))),
            }
        });
        assert_eq!(reactor.run_until(task).expect("in time"), "answer");
        reactor.run().expect("the timer was taken back");
        assert_eq!(simulation.elapsed(), SECOND);
    }

    #[test]
    fn futures_unordered_gives_what_is_done_first() {
        let simulation = Simulation::new();
        let reactor = simulation.reactor();
        let naps = [3, 1, 2].map(|n| {
            reactor
                .defer_later(n * SECOND)
                .map(move |()| n)
                .into_future()
        });
        let order = reactor.spawn(async move {
            let mut naps: FuturesUnordered<_> = naps.into_iter().collect();
            let mut order = Vec::new();
            while let Some(n) = naps.next().await {
                order.push(n?);
            }
            Ok(order)
        });
        assert_eq!(reactor.run_until(order).expect("it ends"), [1, 2, 3]);
    }

    #[test]
    fn a_stream_of_deferreds_is_buffered_in_order() {
        let simulation = Simulation::new();
        let reactor = simulation.reactor();
        let clock = reactor.clone();
        let answers = reactor.spawn(async move {
            let asked = futures::stream::iter([3, 1, 2]);
            let asked = asked.map(|n| clock.defer_later(n * SECOND).map(move |()| n).into_future());
            let answers: Vec<_> = asked.buffered(2).collect().await;
            answers.into_iter().collect::<Result<Vec<_>, _>>()
        });
        assert_eq!(reactor.run_until(answers).expect("it ends"), [3, 1, 2]);
        assert_eq!(simulation.elapsed(), 5 * SECOND);
    }
}
