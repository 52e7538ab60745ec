// Compiled without a header of tandem: what fiber_rows_test.cpp calls from everywhere.
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

namespace legacy {

using Ask = std::function<int(int)>;

// Asks for the price of everything in a list, by whatever means `ask` has, and writes a bill.
std::string bill(const std::vector<int>& articles, const Ask& ask) {
    std::string text;
    int total = 0;
    for (const int article : articles) {
        const int price = ask(article);
        text += "article " + std::to_string(article) + ": " + std::to_string(price) + "\n";
        total += price;
    }
    return text + "total: " + std::to_string(total) + "\n";
}

std::string sorted(std::vector<int> numbers, int (*compare)(const void*, const void*)) {
    std::qsort(numbers.data(), numbers.size(), sizeof(int), compare);
    std::string text;
    for (const int number : numbers) text += std::to_string(number) + " ";
    return text;
}

}  // namespace legacy
