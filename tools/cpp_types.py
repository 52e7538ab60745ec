"""What the declarations of C++ say: classes, enumerations, aliases and functions by name. For tools/check_coroutines."""

from cpp_source import (Body, NOT_CALLEES, QUALIFIERS, after_angles, declaration_of, is_group, is_text, lambdas, split)

TRIVIAL = set("""
    void bool char wchar_t char8_t char16_t char32_t short int long unsigned signed float double size_t ssize_t ptrdiff_t
    int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t uintptr_t intptr_t byte string_view span
    source_location nanoseconds microseconds milliseconds seconds minutes hours duration time_point coroutine_handle errc
    error_code initializer_list nullptr_t pid_t thread_id type_index reference_wrapper monostate nullopt_t strong_ordering
    sockaddr sockaddr_storage iovec
""".split())
CONTAINERS = set("""
    vector map set multimap multiset unordered_map unordered_set unordered_multimap unordered_multiset deque list
    forward_list
""".split())
OWNERS = CONTAINERS | set("""
    string wstring u8string basic_string function move_only_function unique_ptr shared_ptr weak_ptr any thread jthread
    promise future shared_future packaged_task exception_ptr path stringstream ostringstream istringstream ifstream ofstream
    fstream unique_lock lock_guard scoped_lock stop_source stop_token queue stack priority_queue regex Task
""".split())
WRAPPERS = {"optional", "array", "pair", "tuple", "variant", "expected", "atomic"}


class ClassInfo:
    def __init__(self, name):
        self.name = name
        self.members = []  # Declaration
        self.constructors = []
        self.bases = []
        self.aggregate = True
        self.destroys = False  # a destructor of its own
        self.parameters = set()  # of the template


class Function:
    def __init__(self, name, result, parameters):
        self.name, self.result, self.parameters = name, result, parameters
        self.pack = any(is_text(node, "...") for each in parameters if each for node in each.type)

    def takes(self, count):
        needed = sum(1 for each in self.parameters if each and not any(is_text(node, "=") for node in each.init[:1]))
        return self.pack or needed <= count <= len(self.parameters)


class Index:
    """Classes, aliases and functions by name; looks into `below` for what it does not have itself."""

    def __init__(self, below=None):
        self.below = below
        self.classes, self.enums, self.aliases, self.functions = {}, set(), {}, {}
        self.verdicts = {}

    def class_of(self, name):
        return self.classes.get(name) or self.below and self.below.class_of(name)

    def alias_of(self, name):
        return self.aliases.get(name) or self.below and self.below.alias_of(name)

    def is_enum(self, name):
        return name in self.enums or bool(self.below) and self.below.is_enum(name)

    def functions_of(self, name):
        return self.functions.get(name) or (self.below.functions_of(name) if self.below else [])

    def merge(self, other):
        for name, info in other.classes.items():
            self.classes.setdefault(name, info)
        for name, nodes in other.aliases.items():
            self.aliases.setdefault(name, nodes)
        for name, functions in other.functions.items():
            self.functions.setdefault(name, []).extend(functions)
        self.enums |= other.enums

    # Types

    def class_by_type(self, nodes):
        """The class that these nodes name, or None."""
        name, _ = name_and_arguments(nodes)
        info = name and self.class_of(name)
        if not info and name and self.alias_of(name):
            return self.class_by_type(self.alias_of(name))
        return info

    def is_trivial(self, nodes, depth=0):
        """Whether destroying a value of this type does nothing; None if that cannot be told."""
        if any(is_text(node, "*") for node in at_top(nodes)) or is_text(nodes[-1] if nodes else None, "&"):
            return True
        name, arguments = name_and_arguments(nodes)
        if name is None or depth > 12:
            return None
        if name in self.verdicts:
            return self.verdicts[name]
        if self.is_enum(name):
            return True
        if self.class_of(name):
            self.verdicts[name] = None  # for those who ask in a circle
            self.verdicts[name] = self.is_class_trivial(self.class_of(name), depth + 1)
            return self.verdicts[name]
        if self.alias_of(name):
            return self.is_trivial(self.alias_of(name), depth + 1)
        if name in OWNERS:
            return False
        if name in TRIVIAL:
            return True
        if name in WRAPPERS:
            known = [self.is_trivial(each, depth + 1) for each in arguments if each and each[0].kind != "number"]
            return False if False in known else None if None in known else True
        return None

    def is_class_trivial(self, info, depth):
        if info.destroys:
            return False
        known = [self.is_trivial(each, depth) for each in [*(member.type for member in info.members), *info.bases]]
        return False if False in known else None if None in known else True

    def is_bad_aggregate(self, nodes):
        """An aggregate with a member that has a destructor; None if that cannot be told."""
        nodes = [node for node in nodes if not is_text(node, "&", "&&")]
        name, _ = name_and_arguments(nodes)
        if name is None:
            return None
        if self.class_of(name):
            info = self.class_of(name)
            if not info.aggregate:
                return False
            trivial = self.is_trivial(nodes)
            return None if trivial is None else not trivial
        if self.alias_of(name):
            return self.is_bad_aggregate(self.alias_of(name))
        if name == "array":
            trivial = self.is_trivial(nodes)
            return None if trivial is None else not trivial
        return False if name in OWNERS | TRIVIAL | WRAPPERS or self.is_enum(name) else None

    def takes_list(self, nodes):
        """Whether braces with something in them become a std::initializer_list for this type."""
        name, _ = name_and_arguments(nodes)
        if name is None:
            return False
        if name in CONTAINERS or name == "initializer_list":
            return True
        if self.alias_of(name) and not self.class_of(name):
            return self.takes_list(self.alias_of(name))
        info = self.class_of(name)
        return bool(info) and any(len(each.parameters) == 1 and each.parameters[0]
                                  and name_and_arguments(each.parameters[0].type)[0] == "initializer_list"
                                  for each in info.constructors)


def at_top(nodes):
    """Without what stands in `<...>`."""
    place = 0
    while place < len(nodes):
        if is_text(nodes[place], "<") and place:
            behind = after_angles(nodes, place)
            place = max(behind, place + 1)
            continue
        yield nodes[place]
        place += 1


def name_and_arguments(nodes):
    """`const std::map<K, V>&` -> (`map`, [K, V])."""
    nodes = [node for node in nodes if not is_text(node, *QUALIFIERS, "&", "&&", "...")]
    place, name = 0, None
    while place < len(nodes):
        if nodes[place].kind == "name":
            name = nodes[place].text
            if place + 1 < len(nodes) and is_text(nodes[place + 1], "<"):
                behind = after_angles(nodes, place + 1)
                if behind == len(nodes):
                    return name, split(nodes[place + 2:behind - 1])
                place = behind
                continue
        elif not is_text(nodes[place], "::"):
            return None, []
        place += 1
    return name, []


class File:
    """The bodies of a file, and an index of what it declares."""

    def __init__(self, nodes, below=None):
        self.index = Index(below)
        self.bodies = []
        self.strays = []  # code that stands outside of every body, as in a manual
        self.scope(nodes, None, [])

    def scope(self, nodes, owner, outer_access):
        """A namespace, or the class `owner`."""
        held, hidden, place = [], bool(owner) and outer_access == "class", 0
        while place < len(nodes):
            node = nodes[place]
            following = nodes[place + 1] if place + 1 < len(nodes) else None
            if owner and is_text(node, "public", "private", "protected") and is_text(following, ":"):
                hidden = node.text != "public"
                place += 2
                continue
            if is_text(node, ";"):
                self.declaration(held, owner, hidden)
                held = []
            elif is_group(node, "{"):
                if self.opened(held, node, owner):
                    held = []
                else:
                    held.append(node)
            else:
                held.append(node)
            place += 1
        if held:
            self.declaration(held, owner, hidden)

    def opened(self, held, group, owner):
        """Deals with what `held {` opens; False if the braces are part of a declaration that goes on."""
        nodes = without_template_head(held)
        start = 0
        while start < len(nodes) and (is_text(nodes[start], "inline", "static", "constexpr", "extern", "export", "typedef")
                                      or nodes[start].kind == "text" or is_group(nodes[start], "[")):
            start += 1
        first = nodes[start] if start < len(nodes) else None
        if first is None or is_text(first, "namespace"):
            self.scope(group.inside, None, None)
            return True
        if is_text(first, "enum"):
            names = [node.text for node in nodes[start + 1:] if node.kind == "name" and not is_text(node, "class", "struct")]
            self.index.enums.update(names[:1])
            return True
        if is_text(first, "class", "struct", "union"):
            self.class_body(nodes[start:], group)
            return True
        parameters = parameters_at(nodes)
        if parameters is None:
            return False
        if any(is_text(node, ":") for node in nodes[parameters:]) and (nodes[-1].kind == "name" or is_text(nodes[-1], ">")):
            return False  # `: member_{...}` of a constructor
        if any(is_text(node, "=") for node in nodes[parameters:]):
            return False
        self.function(nodes, parameters, owner)
        self.body(group, parameters_of(nodes[parameters]), None, False)
        for each in lambdas(nodes):
            self.body(each.body, parameters_of(each.parameters), None, True)
        return True

    def class_body(self, nodes, group):
        place = 1
        while place < len(nodes) and (nodes[place].kind == "group" or is_text(nodes[place], "alignas")
                                      or nodes[place].text.isupper() and "_" in nodes[place].text):
            place += 1
        name, bases = None, []
        while place < len(nodes) and not is_text(nodes[place], ":"):
            if nodes[place].kind == "name" and nodes[place].text != "final":
                name = nodes[place].text
                if place + 1 < len(nodes) and is_text(nodes[place + 1], "<"):
                    place = after_angles(nodes, place + 1) - 1
            place += 1
        info = ClassInfo(name)
        for base in split(nodes[place + 1:]):
            words = {node.text for node in base if node.kind != "group"}
            if words & {"private", "protected", "virtual"} or nodes[0].text == "class" and "public" not in words:
                info.aggregate = False
            bases.append([node for node in base if not is_text(node, "public", "private", "protected", "virtual")])
        info.bases = bases
        if name:
            self.index.classes.setdefault(name, info)
        self.scope(group.inside, info, nodes[0].text)

    def function(self, nodes, parameters, owner):
        name = nodes[parameters - 1].text
        head = nodes[:parameters - 1]
        if owner and name == owner.name:
            if head and is_text(head[-1], "~"):
                owner.destroys = not any(is_text(node, "default") for node in nodes[parameters:])
                return
            owner.aggregate = False
            owner.constructors.append(Function(name, [], parameters_of(nodes[parameters])))
            return
        if owner and any(is_text(node, "virtual", "override") for node in nodes):
            owner.aggregate = False
        result = [node for node in head if not is_text(node, *QUALIFIERS) and not is_group(node, "[")]
        for place in range(parameters, len(nodes)):
            if is_text(nodes[place], "->"):
                result = nodes[place + 1:]
        while result and is_text(result[-1], "::"):  # the class of a member that is defined outside
            result = result[:-2]
        self.index.functions.setdefault(name, []).append(Function(name, result, parameters_of(nodes[parameters])))

    def declaration(self, held, owner, hidden):
        nodes = without_template_head(held)
        if not nodes:
            return
        if is_text(nodes[0], "using"):
            if len(nodes) > 3 and is_text(nodes[2], "="):
                self.index.aliases.setdefault(nodes[1].text, nodes[3:])
            elif owner and len(nodes) > 3 and nodes[-1].text == nodes[-3].text:
                owner.aggregate = False
            return
        if is_text(nodes[0], "friend", "typedef", "static_assert", "class", "struct", "union", "enum", "extern"):
            return
        parameters = parameters_at(nodes)
        variable = declaration_of(nodes)
        if parameters is not None:
            self.function(nodes, parameters, owner)
        elif owner and not any(is_text(node, "static") for node in nodes) and variable:
            owner.members.append(variable)
            owner.aggregate = owner.aggregate and not hidden
        for each in lambdas(nodes):
            self.body(each.body, parameters_of(each.parameters), None, True)
        self.strays.append(nodes)

    def body(self, group, parameters, outer, is_lambda):
        found = Body(group, parameters, outer, is_lambda)
        self.bodies.append(found)
        for each in found.expressions:
            for inner in lambdas(each.nodes):
                self.body(inner.body, parameters_of(inner.parameters), found, True)
        for nodes in found.classes:
            self.scope(nodes, None, None)


def without_template_head(nodes):
    while len(nodes) > 1 and is_text(nodes[0], "template") and is_text(nodes[1], "<"):
        nodes = nodes[after_angles(nodes, 1):] if after_angles(nodes, 1) > 1 else nodes[2:]
        if nodes and is_text(nodes[0], "requires"):
            place = 1
            while place < len(nodes):  # `requires A<T> && (B)`: a concept, and what is tied to it
                if is_group(nodes[place], "("):
                    place += 1
                elif nodes[place].kind == "name":
                    while place < len(nodes) and (nodes[place].kind == "name" or is_text(nodes[place], "::")):
                        place += 1
                        if place < len(nodes) and not is_text(nodes[place], "::"):
                            break
                    if place < len(nodes) and is_text(nodes[place], "<"):
                        place = after_angles(nodes, place)
                    while place < len(nodes) and is_text(nodes[place], "::"):
                        place += 2
                if place < len(nodes) and is_text(nodes[place], "&&", "||"):
                    place += 1
                else:
                    break
            nodes = nodes[place:]
    return nodes


def parameters_at(nodes):
    """The place of a function's parameters, or None."""
    depth = 0
    for place, node in enumerate(nodes):
        before = nodes[place - 1] if place else None
        if is_text(node, "<") and before is not None and before.kind == "name" and before.text != "operator":
            depth += 1
        elif is_text(node, ">") and depth:
            depth -= 1
        elif is_text(node, "=") and depth == 0 and not is_text(before, "operator"):
            return None
        elif is_group(node, "(") and depth == 0 and before is not None:
            if is_text(before, "operator"):
                continue
            if before.kind == "name" and before.text not in NOT_CALLEES:
                return place
            if any(is_text(each, "operator") for each in nodes[:place]) and not is_group(before, "["):
                return place
    return None


def parameters_of(group):
    """Declarations; None for what is not understood."""
    if group is None:
        return []
    given = [each for each in split(group.inside) if repr(each) != "[void]"]
    return [declaration_of(each, needs_name=False) for each in given]
