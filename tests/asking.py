"""Where code asks of which kind of resource something is: by a name, by a class of bodies or entities, or by a fact."""

import ast
from collections.abc import Iterator

from events.resources.base import Resource
from events.resources.organization import OrganizationConfig
from projections.entities import Entity
from projections.resources import ENTITIES
from services.commands.table import KINDS


def bodies(of: type[Resource]) -> Iterator[type[Resource]]:
    """Those that no other one is a kind of."""
    below = of.__subclasses__()
    yield from (body for nested_type in below for body in bodies(nested_type)) if below else (of,)


BODIES = set(bodies(Resource)) - {OrganizationConfig}
NAMES = {name for row in KINDS.values() for name in (row.name, row.attribute, row.model.__name__)}


def classes(of: type[Resource]) -> Iterator[str]:
    """Names of all bodies, those that several kinds are based on among them."""
    yield from (name for below in of.__subclasses__() for name in (below.__name__, *classes(below)))


#: Bodies, entities with a history of their own, and facts about resources.
CLASSES = {*classes(Resource)} - {OrganizationConfig.__name__}
CLASSES |= {entity.__name__ for entity in ENTITIES.values()} - {Entity.__name__}
OF_KINDS = {fact.__name__ for row in KINDS.values() for fact in row.facts}
CLASSES |= OF_KINDS
TEXTS = NAMES | OF_KINDS


#: What a collection that is written out sorts by: entities and facts, by class or by type's name.
OF_WHICH = OF_KINDS | {entity.__name__ for entity in ENTITIES.values()} - {Entity.__name__}


def asked(tree: ast.AST) -> Iterator[ast.expr]:
    """What is compared with something, matched, or looked up by; what is only asserted decides nothing."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.Assert():
                continue
            case ast.Compare():
                yield from (node.left, *node.comparators)
            case ast.MatchValue():
                yield node.value
            case ast.MatchClass():
                yield node.cls
            case ast.Dict():
                yield from (key for key in node.keys if isinstance(key, ast.Name))
                yield from (key for key in node.keys if isinstance(key, ast.Constant) and key.value in OF_KINDS)
            case ast.Subscript(slice=ast.Tuple()):  # a type of several
                yield from asked(node.value)
                continue
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
                # Written out to be asked by elsewhere.
                yield from (part for part in parts if not OF_WHICH.isdisjoint(told_apart(part)))
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, of]):
                yield of
            case ast.Call(func=ast.Attribute(attr="startswith" | "endswith"), args=[of]):
                yield of
        yield from asked(node)


def told_apart(asked: ast.expr) -> Iterator[str]:
    """The kinds that are named there, by a text or by a body's class."""
    match asked:
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            yield from (name for part in parts for name in told_apart(part))
        case ast.BinOp(left=left, right=right):
            yield from (*told_apart(left), *told_apart(right))
        case ast.Starred(value=inner):
            yield from told_apart(inner)
        case ast.Constant(value=str(name)) if name in TEXTS:
            yield name
        case ast.Name(id=name) if name in CLASSES:
            yield name
