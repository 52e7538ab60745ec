#include <tandem/base/symbols.hpp>

#include <tandem/base/unique_fd.hpp>

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>

namespace tandem::inline v1 {
namespace {

std::string readable(const char* mangled) {
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> name(abi::__cxa_demangle(mangled, nullptr, nullptr, &status),
                                                      std::free);
    return status == 0 && name ? name.get() : mangled;
}

/// A file of machine code, mapped to be read.
class ImageFile {
public:
    explicit ImageFile(const char* path) {
        const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
        struct stat info{};
        if (!fd || ::fstat(fd.get(), &info) != 0 || info.st_size < static_cast<off_t>(sizeof(ElfW(Ehdr))))
            return;
        size_ = static_cast<std::size_t>(info.st_size);
        void* const mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd.get(), 0);
        if (mapped == MAP_FAILED) return;
        bytes_ = static_cast<const char*>(mapped);
        if (std::memcmp(bytes_, ELFMAG, SELFMAG) == 0 && bytes_[EI_CLASS] == ELFCLASS64) find_table();
    }
    ~ImageFile() {
        if (bytes_) ::munmap(const_cast<char*>(bytes_), size_);
    }
    ImageFile(const ImageFile&) = delete;
    ImageFile& operator=(const ImageFile&) = delete;

    /// Null if there is none. `address` counts from where the file was loaded to.
    const char* function_at(std::uintptr_t address) const {
        for (std::size_t i = 0; i < count_; ++i) {
            const ElfW(Sym)& symbol = symbols_[i];
            if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_shndx != SHN_UNDEF &&
                address >= symbol.st_value && address - symbol.st_value < symbol.st_size &&
                symbol.st_name < names_bytes_)
                return names_ + symbol.st_name;
        }
        return nullptr;
    }

private:
    template <class T>
    const T* at(std::uint64_t offset, std::uint64_t count) const {
        if (offset > size_ || count > (size_ - offset) / sizeof(T)) return nullptr;
        return reinterpret_cast<const T*>(bytes_ + offset);
    }
    void find_table() {
        const auto& header = *reinterpret_cast<const ElfW(Ehdr)*>(bytes_);
        const auto* const sections = at<ElfW(Shdr)>(header.e_shoff, header.e_shnum);
        if (!sections) return;
        for (std::size_t i = 0; i < header.e_shnum; ++i) {
            if (sections[i].sh_type != SHT_SYMTAB || sections[i].sh_link >= header.e_shnum) continue;
            const auto& names = sections[sections[i].sh_link];
            const auto count = sections[i].sh_size / sizeof(ElfW(Sym));
            symbols_ = at<ElfW(Sym)>(sections[i].sh_offset, count);
            names_ = at<char>(names.sh_offset, names.sh_size);
            if (!symbols_ || !names_ || names.sh_size == 0 || names_[names.sh_size - 1] != '\0') return;
            names_bytes_ = names.sh_size;
            count_ = count;
            return;
        }
    }

    const char* bytes_ = nullptr;
    std::size_t size_ = 0;
    const ElfW(Sym) * symbols_ = nullptr;
    std::size_t count_ = 0;
    const char* names_ = nullptr;
    std::uint64_t names_bytes_ = 0;
};

}  // namespace

std::string_view Symbol::qualified() const {
    constexpr std::string_view nameless = "(anonymous namespace)";
    const std::string_view text = name;
    std::size_t start = 0;
    int depth = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text.substr(i).starts_with(nameless)) {
            i += nameless.size() - 1;
        } else if (text[i] == '<') {
            ++depth;
        } else if (text[i] == '>') {
            --depth;
        } else if (depth == 0 && text[i] == '(') {
            return text.substr(start, i - start);
        } else if (depth == 0 && text[i] == ' ') {
            start = i + 1;
        }
    }
    return text;
}

std::vector<Symbol> symbols_of(const std::vector<std::uintptr_t>& addresses) {
    std::map<std::string, std::unique_ptr<ImageFile>> files;
    std::vector<Symbol> symbols;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        // A call that never returns may be its function's last instruction.
        const auto address = addresses[i] - (i > 0 ? 1 : 0);
        Symbol& symbol = symbols.emplace_back();
        Dl_info info{};
        link_map* image = nullptr;
        if (::dladdr1(reinterpret_cast<const void*>(address), &info, reinterpret_cast<void**>(&image),
                      RTLD_DL_LINKMAP) == 0 ||
            !image)
            continue;
        // The program itself has no name of its own, or one that chdir() has made wrong.
        const bool program = image->l_name == nullptr || image->l_name[0] == '\0';
        const std::string path = program ? "/proc/self/exe" : image->l_name;
        symbol.image = program ? "" : path.substr(path.rfind('/') + 1);
        auto& file = files[path];
        if (!file) file = std::make_unique<ImageFile>(path.c_str());
        const char* const name = file->function_at(address - image->l_addr);
        if (name)
            symbol.name = readable(name);
        else if (info.dli_sname)
            symbol.name = readable(info.dli_sname);
    }
    return symbols;
}

}  // namespace tandem::inline v1
