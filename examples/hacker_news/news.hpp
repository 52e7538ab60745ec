// The site that all parts of hacker_news.cpp ask, and its errors.
#pragma once

#include <tandem/tandem.hpp>
#include <tandem/testing/demo_site.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

/// What goes wrong on purpose.
class Boom : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class OtherError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class HackerNews {
public:
    explicit HackerNews(std::string base, tandem::http::Client client = tandem::http::Client(),
                        tandem::Duration limit = std::chrono::seconds(10));

    tandem::Task<std::string> page(std::string path);
    tandem::Task<std::string> item(long id);
    tandem::Task<std::vector<long>> kids(long id);
    tandem::Task<long> count_comments(long id);
    tandem::Task<std::vector<long>> top_stories();

    long fetches = 0;
    long broken = 0;  ///< this item fails

private:
    std::string base_;
    tandem::http::Client client_;
    tandem::Duration limit_;
};

/// How many items at and below this one have comments.
int posts_with_comments(const tandem::testing::DemoWorld& world, long id);
/// A comment below the site's first story that has comments itself, which have some too.
long post_to_count(const tandem::testing::DemoServer& site);

void side_work(const tandem::testing::DemoServer& site);                // H3 to H6
void errors_of_periodic_work(const tandem::testing::DemoServer& site);  // H8, H9
void errors_along_a_chain(const tandem::testing::DemoServer& site);     // H10
void cancelling(const tandem::testing::DemoServer& site);               // H12 to H14
void news_as_data(const tandem::testing::DemoServer& site);             // H15
void arguments_and_log(const tandem::testing::DemoServer& site);        // H16
int main_with_arguments(const std::vector<std::string>& words);
