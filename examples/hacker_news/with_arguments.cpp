// H16: the program as it is called from a shell.
#include <examples/hacker_news/arguments.hpp>
#include <examples/hacker_news/news.hpp>

#include <cstdio>
#include <utility>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<long> count_comments(HackerNews& news, long id, const Log& log) {
    const auto start = this_loop().time();
    const auto kids = co_await news.kids(id);
    std::vector<Task<long>> below;
    for (const long kid : kids) below.push_back(count_comments(news, kid, log));
    const auto counts = co_await gather(std::move(below));
    long total = static_cast<long>(kids.size());
    for (const long count : counts) total += count;
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(this_loop().time() - start);
    log.debug("> post " + std::to_string(id) + " took " + std::to_string(took.count()) + " ms");
    co_return total;
}

Task<std::vector<long>> posts_to_count(HackerNews& news, const Arguments& arguments) {
    std::vector<long> posts;
    if (arguments.id) {
        posts.push_back(*arguments.id);
    } else {
        posts = co_await news.top_stories();
        if (posts.size() > static_cast<std::size_t>(arguments.limit))
            posts.resize(static_cast<std::size_t>(arguments.limit));
    }
    co_return posts;
}

Task<void> count_once(HackerNews& news, const Arguments& arguments, const Log& log) {
    const auto posts = co_await posts_to_count(news, arguments);
    std::vector<Task<long>> counting;
    for (const long post : posts) counting.push_back(count_comments(news, post, log));
    const auto counts = co_await gather(std::move(counting));
    for (std::size_t i = 0; i < posts.size(); ++i)
        log.info("Post " + std::to_string(posts[i]) + " has " + std::to_string(counts[i]) + " comments");
}

Task<void> count(const Arguments& arguments, const Log& log) {
    HackerNews news(arguments.url);
    co_await count_once(news, arguments, log);
    while (arguments.period) {
        log.debug("waiting for the next period");
        co_await sleep(*arguments.period);
        co_await count_once(news, arguments, log);
    }
}

void count_on_a_site(Arguments arguments, const Log& log) {
    std::optional<testing::DemoServer> own_site;
    if (arguments.url.empty()) arguments.url = own_site.emplace().url("");
    run(count(arguments, log));
}

/// What is logged, without the times.
std::vector<std::string> logged(const testing::DemoServer& site, std::vector<std::string> words) {
    words.insert(words.end(), {"--url", site.url("")});
    const auto arguments = parse_arguments(words);
    std::vector<std::string> lines;
    count_on_a_site(arguments, Log(arguments.verbose, [&](const std::string& line) {
                        lines.push_back(line.substr(line.find(']') + 2));
                    }));
    return lines;
}

}  // namespace

int main_with_arguments(const std::vector<std::string>& words) {
    try {
        const auto arguments = parse_arguments(words);
        if (arguments.help) {
            std::fputs(help_text, stdout);
            return 0;
        }
        count_on_a_site(arguments,
                        Log(arguments.verbose, [](const std::string& line) { std::puts(line.c_str()); }));
    } catch (const WrongArguments& wrong) {
        std::fprintf(stderr, "hacker_news: %s\n%s", wrong.what(), help_text);
        return 2;
    } catch (const Interrupted&) {
        return 130;
    }
    return 0;
}

void arguments_and_log(const testing::DemoServer& site) {
    std::puts("H16");
    std::fputs(help_text, stdout);
    const auto quiet = logged(site, {"--limit", "2"});
    const auto verbose = logged(site, {"--limit", "2", "--verbose"});
    for (const auto& line : quiet) std::puts(line.c_str());
    std::vector<std::string> results;
    for (const auto& line : verbose)
        if (!line.starts_with("> ")) results.push_back(line);
    std::printf("--verbose says more: %s, and counts the same: %s\n",
                verbose.size() > quiet.size() ? "yes" : "no", results == quiet ? "yes" : "no");
    for (const auto& line : logged(site, {"--id", std::to_string(post_to_count(site))}))
        std::puts(line.c_str());
}
