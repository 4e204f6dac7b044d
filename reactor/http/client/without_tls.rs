//! What an agent says of `https` where the crate was built without the feature `tls`.

use std::io;
use std::rc::Rc;

use crate::factory::Factory;
use crate::http::client::authority::Origin;
use crate::reactor::Reactor;
use crate::reason::Reason;
use crate::sources::attempt::Connector;

/// Nothing that could be spoken.
#[derive(Clone, Default)]
pub(crate) struct Secure(());

impl Secure {
    pub(crate) fn connect(
        &self,
        _: &Reactor,
        _: &Origin,
        _: impl Factory,
    ) -> Result<Connector, Reason> {
        let error = "https needs the feature `tls` of the crate `reactor`";
        let error = io::Error::new(io::ErrorKind::Unsupported, error);
        Err(Reason::Error(Rc::new(error)))
    }
}
