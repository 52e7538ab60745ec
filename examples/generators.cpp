// Generators: sequences that are computed while they are read, and spoken to while they run.
#include <tandem/tandem.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <numeric>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tandem;

struct Bank {
    bool crisis = false;

    Generator<std::string> create_atm() {
        while (!crisis) co_yield "$100";
    }
};

struct Closes {
    const char* name;
    ~Closes() { std::printf("%s closes\n", name); }
};

Generator<int> count(int from) {
    const Closes counter{"counter"};
    for (;;) co_yield from++;
}

Generator<int> lazy() {
    std::puts("started");
    co_yield 1;
}

Generator<std::string, std::string> listener() {
    const Closes cleanup{"listener"};
    std::string heard = "nothing";
    for (;;) {
        try {
            heard = co_yield "heard " + heard;
        } catch (const std::runtime_error& error) {
            heard = std::string("an error: ") + error.what();
        }
    }
}

Generator<std::string, std::string, int> level(int depth) {
    if (depth > 1) {
        const int below = co_yield elements_of(level(depth - 1));
        co_return below + 1;
    }
    std::string word = co_yield "ready";
    while (word != "enough") {
        try {
            word = co_yield "level 3 got " + word;
        } catch (const std::runtime_error& error) {
            word = error.what();
        }
    }
    co_return 1;
}

Generator<std::vector<int>> permutations(std::vector<int> items) {
    std::ranges::sort(items);
    do co_yield items;
    while (std::ranges::next_permutation(items).found);
}

Generator<std::pair<int, char>> zip(Generator<int> numbers, std::string letters) {
    auto letter = letters.begin();
    for (int number : numbers) {
        if (letter == letters.end()) co_return;
        co_yield std::pair(number, *letter++);
    }
}

Generator<std::string, int> consumer() {
    std::string answer;
    for (;;) {
        const int n = co_yield answer;
        if (n == 0) co_return;
        std::printf("[CONSUMER] Consuming %d...\n", n);
        answer = "200 OK";
    }
}

void produce(Generator<std::string, int>& c) {
    c.next();
    for (int n = 1; n <= 5; ++n) {
        std::printf("[PRODUCER] Producing %d...\n", n);
        const auto answer = c.send(n);
        std::printf("[PRODUCER] Consumer return: %s\n", answer->c_str());
    }
    c.close();
}

Generator<double, double> averager() {
    double total = 0;
    double average = 0;
    for (int n = 1;; ++n) {
        total += co_yield average;
        average = total / n;
    }
}

struct Summary {
    int count;
    double average;
};

Generator<double, double, Summary> summarise() {
    double total = 0;
    int n = 0;
    for (;;) {
        const double value = co_yield n == 0 ? 0 : total / n;
        if (value == 0) break;
        total += value;
        ++n;
    }
    co_return Summary{n, total / n};
}

Generator<double, double> grouper(std::vector<std::string>& results) {
    for (;;) {
        const Summary summary = co_yield elements_of(summarise());
        results.push_back(std::to_string(summary.count) + " values, average " +
                          std::to_string(static_cast<int>(summary.average)));
    }
}

int main() {
    std::puts("D1");
    Bank bank;
    auto corner_street_atm = bank.create_atm();
    std::puts(corner_street_atm.next()->c_str());
    std::puts(corner_street_atm.next()->c_str());
    bank.crisis = true;
    std::puts(corner_street_atm.next() ? "$100" : "the atm is empty");
    std::puts(bank.create_atm().next() ? "$100" : "a new one is empty too");
    {
        auto numbers = count(1);
        for (int i : numbers | std::views::take(5)) std::printf("%d\n", i);
    }

    std::puts("D2");
    auto made = lazy();
    std::puts("made");
    made.next();

    std::puts("D3");
    auto ear = listener();
    std::puts(ear.next()->c_str());
    std::puts(ear.send("hello")->c_str());
    std::puts(ear.throw_in(std::runtime_error("noise"))->c_str());
    ear.close();
    ear.close();

    std::puts("D4");
    auto outer = level(3);
    std::puts(outer.next()->c_str());
    std::puts(outer.send("a value")->c_str());
    std::puts(outer.throw_in(std::runtime_error("an error"))->c_str());
    outer.send("enough");
    std::printf("returned through %d levels\n", outer.result());

    std::puts("D6");
    int races = 0;
    for (const auto& race : permutations({1, 2, 3, 4})) {
        if (++races == 1 || races == 24) std::printf("%d %d %d %d\n", race[0], race[1], race[2], race[3]);
    }
    std::printf("%d races\n", races);
    for (const auto& [number, letter] : zip(count(1), "abc")) std::printf("%d%c\n", number, letter);
    const auto odd = [](int i) { return i % 2 == 1; };
    for (int i : count(10) | std::views::filter(odd) | std::views::take(3)) std::printf("%d\n", i);

    std::puts("E5");
    auto c = consumer();
    produce(c);

    std::puts("AA1");
    auto average = averager();
    average.next();
    for (double value : {10, 20, 30}) std::printf("%g\n", *average.send(value));

    std::puts("AA2");
    std::vector<std::string> results;
    auto group = grouper(results);
    group.next();
    for (double value : {40, 42, 44, 0, 1, 3, 0}) group.send(value);
    for (const auto& line : results) std::puts(line.c_str());
}
