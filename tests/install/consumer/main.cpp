// A user's program: one coroutine, called from plain code in both ways; and a URL, so that the libraries
// behind http are linked as well.
#include <tandem/http/url.hpp>
#include <tandem/tandem.hpp>

#include <chrono>
#include <iostream>

using namespace std::chrono_literals;

tandem::Task<int> half_the_answer() {
    co_await tandem::sleep(1ms);
    co_return 21;
}

int main() {
    const int sum = half_the_answer().get() + tandem::run(half_the_answer());
    const auto url = tandem::http::Url("http://b\u00FCcher.example/");
    std::cout << sum << ' ' << url.host() << '\n';
    return sum == 42 && url.host() == "xn--bcher-kva.example" ? 0 : 1;
}
