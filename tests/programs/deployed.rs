//! The example that is restarted behind a load balancer.

use crate::running::{Running, get};

#[test]
fn the_deployed_program_serves_in_its_lame_duck_time_and_says_that_it_stops() {
    let mut server = Running::start("deployed", &["127.0.0.1:0", "3", "5"], &[]);
    let address = server.says("listening on ");
    assert_eq!(get(&address, "/health").status, 200);
    server.terminate();
    while get(&address, "/health").status != 503 {} // the signal is on its way
    assert_eq!(get(&address, "/").body, "hello\n");
    server.says("stopped");
}
