#pragma once

#include <tandem/base/time.hpp>
#include <tandem/http/router.hpp>
#include <tandem/testing/demo_site.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::inline v1::testing {

/// A web site for crawlers, always the same, with all that they meet elsewhere:
///
/// - `/page/1` to `/page/200`, each of which links on; all can be reached from the first;
/// - three of these answer 503 twice and work from then on: `flaky()`;
/// - `/broken/1` and `/broken/2`, which always answer 500;
/// - `/moved/1` to `/moved/5`: the first leads to a page, the second to the third and that to a page, the
/// fourth
///   and the fifth to each other;
/// - links to other sites.
///
/// Threads     the counts may be read from any thread, everything else is constant.
/// Lifetime    copies are the same site.
class CrawlSite {
public:
    static constexpr int page_count = 200;
    static constexpr int redirect_count = 5;
    static constexpr int broken_count = 2;

    /// Each request takes `delay`.
    explicit CrawlSite(Duration delay = Duration::zero());

    http::Router routes() const;

    static std::string page_path(int page);
    /// The pages that fail twice.
    static const std::vector<int>& flaky();

    DemoCounts counts() const;
    /// How often a path was asked for.
    std::uint64_t requests_to(std::string_view path) const;

private:
    class State;
    std::shared_ptr<State> state_;
};

}  // namespace tandem::inline v1::testing
