//! The layers of one connection as a stack: what passes them, in which order, and what becomes of one that
//! fails. `stage` is one of them with its handshake.

mod stage;

use self::stage::Stage;
use crate::contained::Contained;
use crate::layer::Layer;
use crate::reason::Reason;

pub(crate) use self::stage::News;

/// The layers of one connection, the one nearest to the socket first.
#[derive(Default)]
pub(crate) struct Layers {
    stack: Vec<Stage>,
    /// How many bytes they hold.
    held: usize,
    /// Once the last words were asked for: how many layers, the lowest ones, have not written theirs.
    unfinished: Option<usize>,
    /// The lowest layer that has failed. Those below it are still whole.
    failed: Option<usize>,
    /// How many layers the end of the peer's stream has come up through, or begun in.
    ended: usize,
    /// How many layers are in their handshake.
    shaking: usize,
    news: News,
}

impl Layers {
    /// Puts a layer on top, at `now` in nanoseconds of the loop. What it sends first is appended to
    /// `wire`.
    pub(crate) fn push(
        &mut self,
        layer: Contained<Box<dyn Layer>>,
        now: u64,
        wire: &mut Vec<u8>,
    ) -> Result<(), Reason> {
        self.stack.push(Stage::new(layer));
        let index = self.stack.len() - 1;
        self.call(index, wire, |layer, down| layer.started(down))?;
        if self.stack[index].begin(now, &mut self.news) {
            self.shaking += 1;
        }
        Ok(())
    }

    /// Whether a layer is in its handshake.
    pub(crate) fn are_shaking_hands(&self) -> bool {
        self.shaking > 0
    }

    /// When the first handshake that is not done has taken too long.
    pub(crate) fn handshake_deadline(&self) -> Option<u64> {
        if self.shaking == 0 {
            return None;
        }
        let whole = &self.stack[..self.whole()];
        whole.iter().filter_map(Stage::deadline).min()
    }

    /// Has the lowest layer whose handshake has taken too long fail, if there is one.
    pub(crate) fn end_late_handshake(&mut self, now: u64) -> Result<(), Reason> {
        let is_late = |stage: &Stage| stage.deadline().is_some_and(|deadline| now >= deadline);
        let whole = self.whole();
        let Some(index) = self.stack[..whole].iter().position(is_late) else {
            return Ok(());
        };
        self.failed = Some(index);
        Err(self.stack[index].layer.handshake_timed_out())
    }

    pub(crate) fn has_news(&self) -> bool {
        self.news.done > 0 || !self.news.negotiated.is_empty()
    }

    pub(crate) fn take_news(&mut self) -> News {
        std::mem::take(&mut self.news)
    }

    /// Passes what the socket received up. What the protocol shall see is appended to `up`, answers
    /// of layers to `wire`.
    pub(crate) fn receive(
        &mut self,
        data: &[u8],
        up: &mut Vec<u8>,
        wire: &mut Vec<u8>,
    ) -> Result<(), Reason> {
        self.receive_from(0, data, up, wire)
    }

    /// Passes bytes to the topmost layer alone: what was read before it was pushed.
    pub(crate) fn receive_at_top(
        &mut self,
        data: &[u8],
        up: &mut Vec<u8>,
        wire: &mut Vec<u8>,
    ) -> Result<(), Reason> {
        self.receive_from(self.stack.len().saturating_sub(1), data, up, wire)
    }

    /// Passes what the protocol wrote down and appends what becomes of it to `wire`.
    pub(crate) fn send(&mut self, data: &[u8], wire: &mut Vec<u8>) -> Result<(), Reason> {
        self.send_below(self.stack.len(), data, wire)
    }

    /// How many bytes the layers hold that the peer has to send something for.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// Whether the peer's stream has ended in one of the layers.
    pub(crate) fn have_ended(&self) -> bool {
        self.ended > 0
    }

    /// Asks each layer above the end of the peer's stream whether it was expected.
    pub(crate) fn read_closed(&mut self) -> Result<(), Reason> {
        // Those up to the end know of it: one of them has reported it.
        let whole = self.whole();
        self.stack[self.ended..whole]
            .iter_mut()
            .try_for_each(|stage| stage.layer.read_closed())
    }

    /// Lets each layer write its last words, the topmost first, once. A layer that holds bytes, which
    /// may be the last words of one above it, is waited for: call again when it holds none.
    pub(crate) fn finish(&mut self, wire: &mut Vec<u8>) -> Result<(), Reason> {
        let whole = self.whole();
        let mut unfinished = self.unfinished.unwrap_or(whole).min(whole);
        while unfinished > 0 && self.stack[unfinished - 1].layer.holds() == 0 {
            // Noted before the call: a layer that fails in it has had its chance.
            unfinished -= 1;
            self.unfinished = Some(unfinished);
            self.call(unfinished, wire, |layer, down| layer.finish(down))?;
        }
        self.unfinished = Some(unfinished);
        Ok(())
    }

    fn receive_from(
        &mut self,
        first: usize,
        data: &[u8],
        up: &mut Vec<u8>,
        wire: &mut Vec<u8>,
    ) -> Result<(), Reason> {
        let mut result = Ok(());
        let mut data = data.to_vec();
        // How many there are is asked once: what a layer passed up before it failed still goes through
        // those above it.
        for index in first..self.whole() {
            // A layer is called with bytes only, so that it needs no rule for none.
            if data.is_empty() {
                break;
            }
            // On, also after a failure: what the layer has passed up before it is delivered.
            let mut above = Vec::new();
            let called = self.call(index, wire, |layer, down| {
                layer.receive(&data, &mut above, down)
            });
            // The first error is the reason; those above may only have failed for want of the rest.
            result = result.and(called);
            data = above;
        }
        up.append(&mut data);
        result
    }

    fn send_below(&mut self, index: usize, data: &[u8], wire: &mut Vec<u8>) -> Result<(), Reason> {
        // Below a layer that has failed nothing of those above it may pass: it would go out unencrypted.
        if data.is_empty() || index > self.whole() {
            return Ok(());
        }
        if index == 0 {
            wire.extend_from_slice(data);
            return Ok(());
        }
        self.call(index - 1, wire, |layer, down| layer.send(data, down))
    }

    /// Calls one layer, and passes what it writes through those below it, also when it fails.
    fn call(
        &mut self,
        index: usize,
        wire: &mut Vec<u8>,
        f: impl FnOnce(&mut dyn Layer, &mut Vec<u8>) -> Result<(), Reason>,
    ) -> Result<(), Reason> {
        let mut down = Vec::new();
        let called = f(&mut **self.stack[index].layer, &mut down);
        // Before the failure is noted, since the last words of a layer that fails pass those below it.
        let sent = self.send_below(index, &down, wire);
        if called.is_err() {
            // One further down may have failed by what this one said, and that is the lowest then.
            self.failed = Some(index.min(self.whole()));
        }
        // Asked for here, in the one place that calls layers, so that the loop, which asks often, finds
        // numbers and calls no consumer's code.
        let whole = &self.stack[..self.whole()];
        self.held = whole.iter().map(|stage| stage.layer.holds()).sum();
        let ended = whole.iter().rposition(|stage| stage.layer.has_ended());
        self.ended = ended.map_or(0, |index| index + 1);
        if self.shaking > 0 {
            let whole = self.whole();
            let news = &mut self.news;
            self.shaking = self.stack[..whole]
                .iter_mut()
                .map(|stage| usize::from(stage.go_on(news)))
                .sum();
        }
        called.and(sent)
    }

    /// How many layers, the lowest ones, have not failed, nor has one below them.
    fn whole(&self) -> usize {
        self.failed.unwrap_or(self.stack.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts its name around everything, so that the order of the layers shows.
    struct Wrap(u8);

    impl Layer for Wrap {
        fn started(&mut self, down: &mut Vec<u8>) -> Result<(), Reason> {
            down.extend([b'+', self.0]);
            Ok(())
        }

        fn receive(
            &mut self,
            data: &[u8],
            up: &mut Vec<u8>,
            down: &mut Vec<u8>,
        ) -> Result<(), Reason> {
            let inside = data
                .strip_prefix(&[self.0])
                .and_then(|d| d.strip_suffix(&[self.0]));
            let inside = inside.ok_or_else(|| Reason::Violation("a wrapped message".to_owned()))?;
            up.extend(inside);
            if inside.is_empty() {
                down.push(b'?');
            }
            Ok(())
        }

        fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
            down.push(self.0);
            down.extend(data);
            down.push(self.0);
            Ok(())
        }

        fn finish(&mut self, down: &mut Vec<u8>) -> Result<(), Reason> {
            down.extend([b'-', self.0]);
            Ok(())
        }
    }

    fn stack(wire: &mut Vec<u8>) -> Layers {
        let mut layers = Layers::default();
        layers
            .push(Contained::new(Box::new(Wrap(b'a'))), 0, wire)
            .expect("the layer starts");
        layers
            .push(Contained::new(Box::new(Wrap(b'b'))), 0, wire)
            .expect("the layer starts");
        layers
    }

    #[test]
    fn bytes_pass_the_layers_in_opposite_order_up_and_down() {
        let mut wire = Vec::new();
        let mut layers = stack(&mut wire);
        assert_eq!(wire, b"+aa+ba", "a new layer speaks through those below it");
        wire.clear();
        layers.send(b"x", &mut wire).expect("the layers send");
        assert_eq!(wire, b"abxba");
        let mut up = Vec::new();
        layers
            .receive(b"abxba", &mut up, &mut Vec::new())
            .expect("the layers receive");
        assert_eq!(up, b"x");
    }

    #[test]
    fn an_answer_of_a_layer_passes_those_below_it() {
        let mut wire = Vec::new();
        let mut layers = stack(&mut wire);
        wire.clear();
        layers
            .receive(b"abba", &mut Vec::new(), &mut wire)
            .expect("the layers receive");
        assert_eq!(wire, b"a?a");
    }

    #[test]
    fn a_layer_for_which_nothing_is_left_is_not_called() {
        let mut wire = Vec::new();
        stack(&mut wire)
            .receive(b"aa", &mut Vec::new(), &mut wire)
            .expect("only the lower layer receives");
    }

    #[test]
    fn last_words_are_said_once_the_topmost_first() {
        let mut wire = Vec::new();
        let mut layers = stack(&mut wire);
        wire.clear();
        layers.finish(&mut wire).expect("the layers finish");
        layers.finish(&mut wire).expect("the layers finish");
        assert_eq!(wire, b"a-ba-a");
    }

    #[test]
    fn an_error_of_a_layer_is_the_reason() {
        let mut layers = stack(&mut Vec::new());
        let error = layers
            .receive(b"axa", &mut Vec::new(), &mut Vec::new())
            .expect_err("not wrapped twice");
        assert_eq!(
            error.to_string(),
            "the peer broke the protocol: a wrapped message"
        );
    }

    /// Fails at the first byte that it is handed.
    struct Fails {
        has_failed: bool,
        holds: usize,
    }

    impl Fails {
        fn boxed(holds: usize) -> Box<Self> {
            Box::new(Self {
                has_failed: false,
                holds,
            })
        }

        fn fail(&mut self) -> Result<(), Reason> {
            assert!(!self.has_failed, "a layer that has failed is called again");
            self.has_failed = true;
            Err(Reason::Violation("nothing at all".to_owned()))
        }
    }

    impl Layer for Fails {
        fn receive(
            &mut self,
            _: &[u8],
            up: &mut Vec<u8>,
            down: &mut Vec<u8>,
        ) -> Result<(), Reason> {
            up.push(b'!');
            down.push(b'!');
            self.fail()
        }

        fn send(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<(), Reason> {
            self.fail()
        }

        fn holds(&self) -> usize {
            self.holds
        }

        fn read_closed(&mut self) -> Result<(), Reason> {
            self.fail()
        }

        fn finish(&mut self, _: &mut Vec<u8>) -> Result<(), Reason> {
            self.fail()
        }
    }

    #[test]
    fn a_layer_that_has_failed_is_not_called_again_and_those_below_it_are() {
        let mut wire = Vec::new();
        let mut layers = stack(&mut wire);
        for _ in 0..2 {
            let pushed = layers.push(Contained::new(Fails::boxed(5)), 0, &mut wire);
            pushed.expect("the layer starts");
        }
        wire.clear();
        assert_eq!(layers.held(), 10);
        let mut up = Vec::new();
        // The upper one fails, and then the lower one by what the upper one says at that.
        let failed = layers.receive(b"abxba", &mut up, &mut wire);
        assert!(failed.is_err());
        assert_eq!((&*up, &*wire), (&b"!"[..], &b"ab!ba"[..]));
        assert_eq!(layers.held(), 0, "what they held is lost");
        for _ in 0..2 {
            let received = layers.receive(b"abxba", &mut Vec::new(), &mut wire);
            received.expect("the lower layers receive");
            let sent = layers.send(b"secret", &mut wire);
            sent.expect("it goes nowhere");
            layers.read_closed().expect("the lower layers are asked");
            layers.finish(&mut wire).expect("the lower layers finish");
        }
        assert_eq!(wire, b"ab!baa-ba-a");
    }
}
