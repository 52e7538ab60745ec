"""Reads C++ as far as tools/check_coroutines needs it: tokens, matched brackets, bodies, full expressions, and what the
declarations say of a type.

There is no preprocessor: a directive is skipped, both branches of an #if are read. A name has the meaning of the nearest
declaration of that name; what cannot be told is None.
"""

import re

TOKEN = re.compile(r"""
    (?P<space>\s+|\\\n)
  | (?P<comment>//[^\n]*|/\*.*?\*/)
  | (?P<raw>(?:u8|[uUL])?R"(?P<edge>[^()\\\s]*)\(.*?\)(?P=edge)"\w*)
  | (?P<text>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*"\w*)
  | (?P<letter>(?:u8|[uUL])?'(?:\\.|[^'\\\n])+')
  | (?P<number>\.?\d(?:'?[\w.]|(?<=[eEpP])[+-])*)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<sign><=>|->\*|\.\.\.|::|->|\+\+|--|<<=|&&|\|\||[-+*/%&|^=!<>]=|<<|\S)
""", re.X | re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\\\n]|\\.)*", re.M | re.S)
CLOSERS = {")": "(", "]": "[", "}": "{"}
AWAITS = {"co_await", "co_yield"}
COROUTINE = AWAITS | {"co_return"}
CONTROL = {"if", "while", "for", "switch", "do", "else", "try", "catch", "case", "default", "return", "co_return", "throw",
           "co_await", "co_yield", "goto", "break", "continue", "delete", "new"}
QUALIFIERS = {"const", "volatile", "constexpr", "constinit", "static", "inline", "thread_local", "mutable", "typename",
              "virtual", "explicit", "friend", "extern", "register", "consteval", "struct", "class"}
NOT_CALLEES = {"alignas", "decltype", "noexcept", "requires", "explicit", "sizeof", "if", "while", "for", "switch", "catch",
               "return", "co_return", "co_await", "co_yield", "throw", "new", "delete", "case", "constexpr", "else", "and",
               "or", "not", "void", "int", "bool"}


class Token:
    __slots__ = ("kind", "text", "line")

    def __init__(self, kind, text, line):
        self.kind, self.text, self.line = kind, text, line

    def __repr__(self):
        return self.text


class Group:
    __slots__ = ("text", "inside", "line")
    kind = "group"

    def __init__(self, opener, line):
        self.text, self.inside, self.line = opener, [], line

    def __repr__(self):
        return self.text + " ".join(map(repr, self.inside)) + {"(": ")", "[": "]", "{": "}"}[self.text]


def read(text):
    """The nodes of a file, and its comments by line."""
    text = DIRECTIVE.sub(lambda found: "\n" * found[0].count("\n"), hide_raw_strings(text))
    comments, stack, line = {}, [Group("{", 0)], 1
    for found in TOKEN.finditer(text):
        kind, word = found.lastgroup, found[0]
        if kind == "edge":
            kind = "raw"
        if kind == "comment":
            comments.setdefault(line, word)
        elif kind == "sign" and word in "([{":
            stack.append(Group(word, line))
            stack[-2].inside.append(stack[-1])
        elif kind == "sign" and word in CLOSERS:
            if any(group.text == CLOSERS[word] for group in stack[1:]):
                while stack.pop().text != CLOSERS[word]:
                    pass
        elif kind != "space":
            stack[-1].inside.append(Token("text" if kind == "raw" else kind, word, line))
        line += word.count("\n")
    return stack[0].inside, comments


def hide_raw_strings(text):
    """A directive inside a raw string is none: its `#` becomes a blank."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|R"([^()\\\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"', re.S)
    return pattern.sub(lambda found: found[0].replace("#", " ") if found[0][0] in "R/" else found[0], text)


def is_text(node, *texts):
    return node is not None and node.text in texts


def is_group(node, opener):
    return node is not None and node.kind == "group" and node.text == opener


def split(nodes, sign=","):
    """At the signs of this level; `<...>` of a template counts as brackets."""
    parts, inside_until = [[]], 0
    for place, node in enumerate(nodes):
        if place < inside_until:
            pass
        elif is_text(node, "<") and place and nodes[place - 1].kind == "name":
            inside_until = after_angles(nodes, place)
        if is_text(node, sign) and place >= inside_until:
            parts.append([])
        else:
            parts[-1].append(node)
    return [] if parts == [[]] else parts


def after_angles(nodes, place):
    """The place behind a `<...>` that begins here."""
    depth = 0
    for at in range(place, len(nodes)):
        depth += is_text(nodes[at], "<") - is_text(nodes[at], ">")
        if depth == 0:
            return at + 1
        if is_text(nodes[at], ";") or is_group(nodes[at], "{"):
            break
    return place


class Lambda:
    """A lambda inside `nodes`, from its `[` at `place` to its body at `end`."""

    def __init__(self, nodes, place, end, parameters):
        self.captures, self.body, self.parameters = nodes[place], nodes[end], parameters
        self.end, self.line = end, nodes[place].line


def lambda_at(nodes, place):
    node = nodes[place]
    if not is_group(node, "["):
        return None
    if place:
        before = nodes[place - 1]
        ends_operand = before.kind in ("name", "text", "number") and before.text not in NOT_CALLEES or before.kind == "group"
        if ends_operand or is_text(before, ">", "operator"):
            return None
    if len(node.inside) == 1 and is_group(node.inside[0], "["):  # an attribute
        return None
    at, parameters = place + 1, None
    if at < len(nodes) and is_text(nodes[at], "<"):
        at = after_angles(nodes, at)
    while at < len(nodes):
        if is_group(nodes[at], "{"):
            return Lambda(nodes, place, at, parameters)
        if is_group(nodes[at], "(") and parameters is None:
            parameters = nodes[at]
        elif is_text(nodes[at], "<") and after_angles(nodes, at) > at:
            at = after_angles(nodes, at)
            continue
        elif is_text(nodes[at], ";", "=", ","):
            return None
        at += 1
    return None


def lambdas(nodes):
    """Of these nodes, at any depth, but not those inside another's body."""
    place = 0
    while place < len(nodes):
        found = lambda_at(nodes, place)
        if found:
            yield found
            yield from lambdas(found.captures.inside)
            place = found.end
        elif nodes[place].kind == "group":
            yield from lambdas(nodes[place].inside)
        place += 1


def levels(nodes):
    """Every list of nodes below, this one first; bodies of lambdas are left out (their captures are not)."""
    shown, place, below = [], 0, []
    while place < len(nodes):
        found = lambda_at(nodes, place)
        if found:
            shown.append(nodes[place])
            below.append(found.captures.inside)
            place = found.end
        else:
            shown.append(nodes[place])
            if nodes[place].kind == "group":
                below.append(nodes[place].inside)
        place += 1
    yield shown
    for each in below:
        yield from levels(each)


def awaits(nodes):
    return [node for level in levels(nodes) for node in level if node.kind == "name" and node.text in AWAITS]


def has_await(nodes):
    return bool(awaits(nodes))


def all_tokens(nodes):
    for node in nodes:
        if node.kind == "group":
            yield from all_tokens(node.inside)
        else:
            yield node


class Declaration:
    """`const T name = init`: of a local, a member or a parameter."""

    def __init__(self, type_nodes, name, init):
        self.type, self.name, self.init = type_nodes, name, init


def declaration_of(nodes, needs_name=True):
    """What these nodes declare, or None where they declare no variable."""
    at = 0
    while at < len(nodes) and (is_text(nodes[at], *QUALIFIERS) or is_group(nodes[at], "[")):
        at += 1
    if at == len(nodes) or nodes[at].kind != "name" and not is_text(nodes[at], "::") or nodes[at].text in CONTROL:
        return None
    first = at
    if nodes[at].text in ("using", "typedef", "namespace", "template", "static_assert", "operator"):
        return None
    if nodes[at].text in ("unsigned", "signed", "long", "short"):
        while at + 1 < len(nodes) and is_text(nodes[at + 1], "unsigned", "long", "int", "char", "short"):
            at += 1
        at += 1
    else:
        while at < len(nodes):
            if is_text(nodes[at], "::"):
                at += 1
            elif nodes[at].kind == "name" and (at == first or is_text(nodes[at - 1], "::")):
                at += 1
                if nodes[at - 1].text == "decltype" and at < len(nodes) and is_group(nodes[at], "("):
                    at += 1
                if at < len(nodes) and is_text(nodes[at], "<"):
                    behind = after_angles(nodes, at)
                    if behind == at:
                        return None
                    at = behind
            else:
                break
    while at < len(nodes) and is_text(nodes[at], "const", "*", "&", "&&", "...", "volatile"):
        at += 1
    type_nodes = nodes[first:at]
    if at == len(nodes):
        return None if needs_name else Declaration(type_nodes, None, [])
    if is_group(nodes[at], "[") and is_text(nodes[first], "auto"):  # structured bindings
        return Declaration(type_nodes, None, nodes[at + 1:])
    if nodes[at].kind != "name" or nodes[at].text in CONTROL or nodes[at].text in NOT_CALLEES:
        return None if needs_name else Declaration(type_nodes, None, nodes[at:])
    if at + 1 < len(nodes) and not (is_text(nodes[at + 1], "=", ",", ":") or nodes[at + 1].kind == "group"):
        return None
    return Declaration(type_nodes, nodes[at].text, nodes[at + 1:])


class Expression:
    """A full expression; `where` is `statement`, or the condition of `if`, `while`, `do`, `switch`, `for`."""

    def __init__(self, where, nodes, line):
        self.where, self.nodes, self.line = where, nodes, line
        self.declares = declaration_of(nodes)


class Body:
    """Of a function or a lambda: its full expressions, and the variables it declares."""

    def __init__(self, group, parameters, outer=None, is_lambda=False):
        self.outer, self.is_lambda = outer, is_lambda
        self.expressions, self.classes = [], []
        self.variables = {each.name: each for each in parameters if each and each.name}
        self.declares_something = False  # in whichever of its blocks; a lambda is a class
        self.block(group.inside)
        tokens = [node for each in self.expressions for level in levels(each.nodes) for node in level]
        self.is_coroutine = any(node.kind == "name" and node.text in COROUTINE for node in tokens)

    def block(self, nodes):
        place = 0
        while place < len(nodes):
            place = self.statement(nodes, place)

    def add(self, where, nodes):
        if not nodes:
            return
        found = Expression(where, nodes, nodes[0].line)
        self.expressions.append(found)
        self.declares_something |= (bool(found.declares) or is_text(nodes[0], "using", "typedef")
                                    or any(True for _ in lambdas(nodes)))
        if found.declares and found.declares.name:
            self.variables.setdefault(found.declares.name, found.declares)

    def condition(self, where, group):
        *first, last = split(group.inside, ";") or [[]]
        for each in first:
            self.add("statement", each)
        self.add(where, last)

    def statement(self, nodes, place):
        """Takes one statement; the place behind it."""
        node = nodes[place]
        if is_group(node, "{"):
            self.block(node.inside)
            return place + 1
        if is_text(node, ";"):
            return place + 1
        if is_text(node, "if", "while", "switch", "for", "catch"):
            return self.controlled(nodes, place)
        if is_text(node, "do"):
            at = self.statement(nodes, place + 1)
            if at + 1 < len(nodes) and is_text(nodes[at], "while") and is_group(nodes[at + 1], "("):
                self.condition("do", nodes[at + 1])
                at += 2
            return at
        if is_text(node, "else", "try"):
            return self.statement(nodes, place + 1) if place + 1 < len(nodes) else place + 1
        if is_text(node, "case", "default"):
            while place < len(nodes) and not is_text(nodes[place], ":"):
                place += 1
            return place + 1
        end = place
        while end < len(nodes) and not is_text(nodes[end], ";"):
            end += 1
        if is_text(node, "class", "struct", "union", "enum"):
            self.classes.append(nodes[place:end + 1])
            self.declares_something = True
        else:
            self.add("statement", nodes[place:end])
        return end + 1

    def controlled(self, nodes, place):
        """`if (...)` and its kin."""
        at = place + 1
        while at < len(nodes) and not is_group(nodes[at], "("):
            if is_group(nodes[at], "{"):  # if consteval
                return at
            at += 1
        if at == len(nodes):
            return at
        word = nodes[place].text
        if word == "for":
            self.for_head(nodes[at])
        elif word == "catch":
            self.declares_something |= bool(declaration_of(nodes[at].inside))
        else:
            self.condition(word, nodes[at])
        return self.statement(nodes, at + 1) if at + 1 < len(nodes) else at + 1

    def for_head(self, group):
        parts = split(group.inside, ";")
        if len(parts) == 3:
            for where, each in zip(("statement", "for", "statement"), parts):
                self.add(where, each)
            return
        *first, last = parts or [[]]  # over a range, maybe with a first statement
        for each in first:
            self.add("statement", each)
        head = split(last, ":")
        if len(head) == 2:
            self.add("statement", head[1])
            self.declares_something = True
            self.variables.update({each.name: each for each in [declaration_of(head[0])] if each and each.name})

    def variable(self, name):
        body = self
        while body:
            if name in body.variables:
                return body.variables[name]
            body = body.outer
        return None
