#include <cli/names.hpp>

#include <cli/clean_name.hpp>
#include <cli/text.hpp>

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace tandem::cli {
namespace {

OnDisk nothing_there(const FileName&) { return OnDisk::nothing; }

EntryId id_of(std::string_view url) { return entry_id("GET", url, nullptr, ""); }

NameValues values_of(std::string_view url) {
    auto values = NameValues::of(http::Url(url));
    values.content_type = "application/octet-stream";
    return values;
}

std::string rendered(std::string_view form, std::string_view url, std::uint64_t number = 1) {
    return NameTemplate(form).render(values_of(url), number).text();
}

std::string claimed(NameRegistry& registry, std::string_view url, std::string_view form = default_template,
                    ExistingPolicy policy = ExistingPolicy::number, const DiskProbe& probe = nothing_there) {
    return registry.claim(id_of(url), NameTemplate(form), values_of(url), policy, probe).name.text();
}

/// Every file lies below the directory, is not hidden, no option, no device, and its part's name fits too.
void expect_harmless(const std::string& path, const std::string& whole_origin) {
    const auto origin = whole_origin.substr(0, 100);
    EXPECT_FALSE(path.empty()) << origin;
    EXPECT_FALSE(path.starts_with('/')) << origin;
    std::size_t begin = 0;
    while (begin <= path.size()) {
        const auto end = std::min(path.find('/', begin), path.size());
        const auto component = path.substr(begin, end - begin);
        ASSERT_FALSE(component.empty()) << origin << " -> " << path;
        EXPECT_NE(component[0], '.') << origin << " -> " << path;
        EXPECT_NE(component[0], '-') << origin << " -> " << path;
        EXPECT_NE(component.back(), '.') << origin << " -> " << path;
        EXPECT_NE(component.back(), ' ') << origin << " -> " << path;
        EXPECT_LE(component.size(), max_component_bytes) << origin;
        EXPECT_EQ(escaped_for_terminal(component), component) << origin;
        EXPECT_EQ(component.find('\\'), std::string::npos) << origin;
        const auto stem = lower_case(component.substr(0, component.find('.')));
        for (const auto* device : {"con", "nul", "aux", "prn", "com1", "lpt9"})
            EXPECT_NE(stem, device) << origin;
        begin = end + 1;
    }
}

std::vector<std::string> nasty_segments() {
    std::vector<std::string> segments = {
        "..",
        ".",
        "...",
        "%2e%2e",
        "%2e%2e%2f",
        "..%2f..%2f..%2fetc%2fpasswd",
        "%5c..%5c",
        "..\\..\\x",
        "%00",
        "a%00b",
        ".bashrc",
        ".ssh",
        "-rf",
        "--help",
        "CON",
        "con.txt",
        "NUL",
        "nul%20",
        "AUX.tar.gz",
        "COM1",
        "lpt9.log",
        "COM%C2%B9",
        "PRN.",
        "a.",
        "a%20",
        "a%20.",
        "%20",
        "%20.%20",
        "a%0d%0ab",
        "a%1b%5b31m",
        "%7f",
        "%c2%85",
        "%e2%80%ae",
        "x%e2%80%aecod.exe",
        "%e2%81%a6x",
        "%d8%9c",
        "%ff%fe",
        "%c0%af",
        "%e0%80%af",
        "%ed%a0%80",
        "%f4%90%80%80",
        "%c3",
        "%ef%bb%bfx",
        "%",
        "%2",
        "%zz",
        "%252e%252e%252f",
        "~",
        "~root",
        "*",
        "?",
        "%3f",
        "%23",
        "a;b",
        "$(id)",
        "`id`",
        "a|b",
        "a&b",
        "'",
        "%22",
        "%2f",
        "%2fetc%2fpasswd",
        "a%2fb",
        "C:%5cx",
        "C:",
        "file:",
        "a:b",
        "..;",
        ".%2e",
        "%2e.",
    };
    segments.push_back(std::string(4000, 'a'));
    segments.push_back(std::string(4000, 'a') + ".tar");
    segments.push_back(std::string(255, 'b'));
    segments.push_back(std::string(256, 'b'));
    std::string wide;
    for (int i = 0; i < 200; ++i) wide += "%e4%b8%96";
    segments.push_back(wide + ".png");
    segments.push_back(std::string(4000, '.'));
    return segments;
}

TEST(FetchF8_3, five_hundred_nasty_urls_stay_below_the_directory_and_never_meet) {
    std::vector<std::string> urls;
    for (const auto& segment : nasty_segments()) {
        urls.push_back("http://a/" + segment);
        urls.push_back("http://a/" + segment + "/" + segment);
        urls.push_back("http://a/x/" + segment + ".html");
        urls.push_back("http://a//" + segment + "//y");
        urls.push_back("http://a/y/" + segment + "?q=../../" + segment);
        urls.push_back("http://[::1]:81/" + segment);
        urls.push_back("http://a/z/../" + segment + "/%2e%2e/%2e%2e/w");
    }
    ASSERT_GE(urls.size(), 500U);

    for (const auto form :
         {default_template, flat_template, std::string_view("{host}/{dir}{name}{query}{.ext}"),
          std::string_view("{query}"), std::string_view("{-q}{.ext}")}) {
        NameRegistry registry;
        std::map<std::string, std::string> owners;
        for (const auto& url : urls) {
            const auto path = claimed(registry, url + "#" + std::to_string(owners.size()), form);
            expect_harmless(path, url);
            const auto [owner, fresh] = owners.emplace(path, url);
            EXPECT_TRUE(fresh) << path << " for " << url << " and " << owner->second;
        }
    }
}

TEST(FetchF8_3, suggested_names_keep_their_last_segment_only) {
    EXPECT_EQ(cleaned_file_name("../../evil.sh"), "evil.sh");
    EXPECT_EQ(cleaned_file_name("C:\\dir\\a.txt"), "a.txt");
    EXPECT_EQ(cleaned_file_name("dir/"), "dir");
    EXPECT_EQ(cleaned_file_name("/"), "");
    EXPECT_EQ(cleaned_file_name(".bashrc"), "_bashrc");
    EXPECT_EQ(cleaned_file_name(".."), "__");
    for (const auto& segment : nasty_segments()) {
        const auto name = cleaned_file_name(http::percent_decode(segment));
        if (!name.empty()) expect_harmless(name, segment);
        EXPECT_EQ(name.find('/'), std::string::npos);
    }
}

TEST(FetchF8_3, a_long_component_ends_in_a_mark_and_keeps_its_extension) {
    const auto name = rendered("{name}{.ext}", "http://a/" + std::string(4000, 'x') + ".tar");
    EXPECT_EQ(name.size(), 255U);
    EXPECT_TRUE(name.ends_with(".tar"));
    EXPECT_EQ(name[255 - 4 - 9], '~');
    const auto other = rendered("{name}{.ext}", "http://a/" + std::string(4001, 'x') + ".tar");
    EXPECT_NE(name, other);
}

TEST(FetchF8_3, cutting_never_splits_a_character) {
    std::string name;
    for (int i = 0; i < 100; ++i) name += "世";
    const auto cut = cut_component(name, 255);
    EXPECT_EQ(escaped_for_terminal(cut), cut);
}

TEST(FetchF8_2, variables_stand_for_the_parts_of_a_url) {
    const auto* url = "https://user:pw@Example.org:8443/a/b%20c/file.tar.gz?x=1&y=2#top";
    EXPECT_EQ(rendered("{scheme}-{host}-{port}", url), "https-example.org-8443");
    EXPECT_EQ(rendered("{path}{.ext}", url), "a/b c/file.tar.gz");
    EXPECT_EQ(rendered("{dir}{name}{.ext}", url), "a/b c/file.tar.gz");
    EXPECT_EQ(rendered("{name}", url), "file.tar");
    EXPECT_EQ(rendered("{name:3}{.ext}", url), "fil.gz");
    EXPECT_EQ(rendered("{query}", url), "x=1&y=2");
    EXPECT_EQ(rendered("{name}{-q}", url).size(), std::string("file.tar-12345678").size());
    EXPECT_EQ(rendered("{name}{-q}", "http://a/x"), "x");
    EXPECT_EQ(rendered("{{{name}}}", "http://a/x"), "{x}");
    EXPECT_EQ(rendered("{host}/{name}", "http://[2001:db8::7]/x"), "2001_db8__7/x");
}

TEST(FetchF8_2, an_empty_name_is_index_and_its_extension_comes_from_the_type) {
    auto values = NameValues::of(http::Url("http://a/dir/"));
    values.content_type = "text/html; charset=utf-8";
    EXPECT_EQ(NameTemplate(default_template).render(values).text(), "a/dir/index.html");
    values.content_type = "application/x-unheard-of";
    EXPECT_EQ(NameTemplate(default_template).render(values).text(), "a/dir/index");
}

TEST(FetchF8_8, what_only_the_response_decides_is_a_question_mark) {
    const NameTemplate form(default_template);
    const auto without = NameValues::of(http::Url("http://a/x"));
    const auto with = NameValues::of(http::Url("http://a/x.png"));
    EXPECT_TRUE(form.needs_response(without));
    EXPECT_FALSE(form.needs_response(with));
    EXPECT_EQ(form.render(without).text(), "a/x?");
    EXPECT_EQ(form.render(with).text(), "a/x.png");
    EXPECT_TRUE(NameTemplate("{status}.txt").needs_response(with));
}

TEST(FetchF8_2, captures_tags_and_numbers_are_put_in) {
    auto values = values_of("http://a/x");
    values.number = 42;
    values.captures = {"one", "../two"};
    values.tags = {{"set", "t/1"}};
    values.id = "00112233445566778899aabbccddeeff";
    values.date = "2026-01-31";
    EXPECT_EQ(NameTemplate("{date}/{n}-{1}-{2}-{3}-{tag.set}-{id:8}").render(values).text(),
              "2026-01-31/42-one-.._two--t_1-00112233");
}

TEST(FetchF8_2, a_bad_template_says_what_is_wrong) {
    for (const auto* form :
         {"{nmae}", "{name", "{name:x}", "{path:3}", "out/", "", "{host}/../x", "..", "{0}", "{tag.}"}) {
        const NameTemplate bad(form);
        EXPECT_FALSE(bad.problems().empty()) << form;
    }
    const NameTemplate wrong("{nmae}");
    EXPECT_NE(wrong.problems()[0].find("did you mean {name}?"), std::string::npos);
}

TEST(FetchF8_2, a_directory_before_the_first_variable_is_the_users_own) {
    const NameTemplate form("../out/.hidden/{name}");
    const auto name = form.render(values_of("http://a/x"));
    EXPECT_EQ(name.directory, "../out/.hidden");
    EXPECT_EQ(name.path, "x");
    EXPECT_EQ(NameTemplate("/x").render(values_of("http://a/")).text(), "//x");
}

TEST(FetchF8_4, the_number_goes_before_the_extension_where_the_template_has_no_place_for_it) {
    EXPECT_EQ(rendered("{name}{.ext}", "http://a/x.png", 2), "x-2.png");
    EXPECT_EQ(rendered("out.txt", "http://a/x.png", 3), "out-3.txt");
    EXPECT_EQ(rendered("{id}.{name}.json", "http://a/x", 2), ".x-2.json");
    EXPECT_EQ(rendered("v1.2/{name}", "http://a/x", 2), "v1.2/x-2");
    EXPECT_EQ(rendered("{name}", "http://a/x", 2), "x-2");
    EXPECT_EQ(rendered("{-n}{name}", "http://a/x", 2), "_2x");
}

TEST(FetchF8_4, three_hosts_with_one_name_get_three_files_the_same_in_every_run) {
    for (int run = 0; run < 2; ++run) {
        NameRegistry registry;
        EXPECT_EQ(claimed(registry, "http://a/x.txt", "{name}{.ext}"), "x.txt");
        EXPECT_EQ(claimed(registry, "http://b/x.txt", "{name}{.ext}"), "x-2.txt");
        EXPECT_EQ(claimed(registry, "http://c/x.txt", "{name}{.ext}"), "x-3.txt");
    }
}

TEST(FetchF8_4, a_name_that_looks_numbered_already_is_not_taken_twice) {
    NameRegistry registry;
    EXPECT_EQ(claimed(registry, "http://a/x-2.txt", "{name}{.ext}"), "x-2.txt");
    EXPECT_EQ(claimed(registry, "http://a/x.txt", "{name}{.ext}"), "x.txt");
    EXPECT_EQ(claimed(registry, "http://b/x.txt", "{name}{.ext}"), "x-3.txt");
}

TEST(FetchF8_4, ten_thousand_entries_of_one_name_are_numbered_without_searching) {
    NameRegistry registry;
    const NameTemplate form("same.txt");
    const auto values = values_of("http://a/");
    int questions = 0;
    const DiskProbe probe = [&](const FileName&) { return ++questions, OnDisk::nothing; };
    for (int i = 0; i < 10'000; ++i)
        (void)registry.claim(id_of(std::to_string(i)), form, values, ExistingPolicy::number, probe);
    EXPECT_EQ(registry.size(), 10'000U);
    EXPECT_EQ(questions, 10'000);
}

TEST(FetchF8_3, a_directory_that_is_a_file_already_gets_another_name) {
    NameRegistry registry;
    EXPECT_EQ(claimed(registry, "http://a/x.y", "{path}{.ext}"), "x.y");
    EXPECT_EQ(claimed(registry, "http://a/x.y/z.txt", "{path}{.ext}"), "x.y.d/z.txt");
    EXPECT_EQ(claimed(registry, "http://a/p/q.txt", "{path}{.ext}"), "p/q.txt");
    EXPECT_EQ(claimed(registry, "http://a/p", "{path}"), "p-2");

    const DiskProbe file_there = [](const FileName& name) {
        return name.text() == "d" ? OnDisk::file : OnDisk::nothing;
    };
    EXPECT_EQ(claimed(registry, "http://a/d/e.txt", "{path}{.ext}", ExistingPolicy::number, file_there),
              "d.d/e.txt");
}

TEST(FetchF8_5, a_file_already_there_is_numbered_skipped_replaced_or_refused) {
    const DiskProbe there = [](const FileName& name) {
        return name.text() == "x.txt" ? OnDisk::file : OnDisk::nothing;
    };
    const auto claim = [&](ExistingPolicy policy) {
        NameRegistry registry;
        return registry.claim(id_of("u"), NameTemplate("x.txt"), values_of("http://a/"), policy, there);
    };
    const auto numbered = claim(ExistingPolicy::number);
    EXPECT_EQ(numbered.name.text(), "x-2.txt");
    EXPECT_TRUE(numbered.renamed);
    EXPECT_FALSE(numbered.replace);
    EXPECT_EQ(claim(ExistingPolicy::skip).kind, NameChoice::Kind::skip);
    EXPECT_EQ(claim(ExistingPolicy::error).kind, NameChoice::Kind::refuse);
    const auto replaced = claim(ExistingPolicy::overwrite);
    EXPECT_EQ(replaced.name.text(), "x.txt");
    EXPECT_TRUE(replaced.replace);
}

TEST(FetchF8_5, overwriting_never_means_another_entry_of_the_same_run) {
    NameRegistry registry;
    EXPECT_EQ(claimed(registry, "http://a/x", "x.txt", ExistingPolicy::overwrite), "x.txt");
    EXPECT_EQ(claimed(registry, "http://b/x", "x.txt", ExistingPolicy::overwrite), "x-2.txt");
}

TEST(FetchF8_5, a_directory_in_the_way_is_never_replaced) {
    NameRegistry registry;
    const DiskProbe directory = [](const FileName& name) {
        return name.text() == "x" ? OnDisk::directory : OnDisk::nothing;
    };
    for (const auto policy : {ExistingPolicy::overwrite, ExistingPolicy::skip, ExistingPolicy::error})
        EXPECT_NE(
            claimed(registry, "http://a/" + std::to_string(static_cast<int>(policy)), "x", policy, directory),
            "x");
}

TEST(FetchF8_5, a_name_lost_between_question_and_rename_is_followed_by_the_next) {
    NameRegistry registry;
    const NameTemplate form("x.txt");
    const auto values = values_of("http://a/");
    const auto first = registry.claim(id_of("u"), form, values, ExistingPolicy::number, nothing_there);
    const auto second =
        registry.claim_another(id_of("u"), first, form, values, ExistingPolicy::number, nothing_there);
    EXPECT_EQ(second.name.text(), "x-2.txt");
    EXPECT_EQ(registry.claim(id_of("v"), form, values, ExistingPolicy::number, nothing_there).name.text(),
              "x-3.txt");
}

TEST(FetchF8_9, a_failed_body_is_named_after_its_status) {
    NameRegistry registry;
    const auto choice = registry.claim(id_of("u"), NameTemplate("x.html"), values_of("http://a/"),
                                       ExistingPolicy::number, nothing_there, ".status-404");
    EXPECT_EQ(choice.name.text(), "x.html.status-404");
}

}  // namespace
}  // namespace tandem::cli
