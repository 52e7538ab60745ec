#pragma once

namespace tandem::inline v1::testing {

/// How often a test does what it does: `usual`, as many as a second takes, or `full`, as many as its rule
/// asks for.
///
///     for (long life = 0; life < bar(150, 100'000); ++life) live_at_random(life);
///
/// `TANDEM_BARS=full` in the environment asks for the latter, as `tools/nightly` does; a number there for
/// that many.
long bar(long usual, long full);

}  // namespace tandem::inline v1::testing
