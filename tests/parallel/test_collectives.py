"""What devices send each other, read from compiled programs and from texts of every form."""

import math

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax import lax
from jax.sharding import AbstractMesh, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from framework.parallel import MeshOptions, build_mesh
from framework.parallel.collectives import Collective, collectives, counted

ABSTRACT = AbstractMesh((2, 4), ("data", "fsdp"))


def module(line: str, before: str = "") -> str:
    return f"""HloModule example, is_scheduled=true

%add (x: f32[], y: f32[]) -> f32[] {{
  %x = f32[] parameter(0)
  %y = f32[] parameter(1)
  ROOT %sum = f32[] add(%x, %y)
}}
{before}
ENTRY %main (a: f32[8,16]) -> f32[8,16] {{
  %a = f32[8,16]{{1,0:T(8,128)}} parameter(0), metadata={{op_name="a"}}
  %b = bf16[4]{{0}} parameter(1)
  {line}
}}
"""


def only(line: str, mesh: object = ABSTRACT, before: str = "") -> Collective:
    (found,) = collectives(module(line, before), mesh)  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(
    ("groups", "axes", "first"),
    [
        ("replica_groups={{0,1,2,3},{4,5,6,7}}", ("fsdp",), (0, 1, 2, 3)),
        ("replica_groups={{0,4},{1,5},{2,6},{3,7}}", ("data",), (0, 4)),
        ("replica_groups={}", ("data", "fsdp"), tuple(range(8))),
        ("replica_groups=[2,4]<=[8]", ("fsdp",), (0, 1, 2, 3)),
        ("replica_groups=[4,2]<=[2,4]T(1,0)", ("data",), (0, 4)),
        ("replica_groups=[4,2]<=[2,2,2]T(0,2,1)", ("fsdp",), (0, 2)),
        ("replica_groups=mesh['a'=2,'b'=4] {'b'}", ("fsdp",), (0, 1, 2, 3)),
        ("replica_groups=mesh['a'=2,'b'=4] {'a'}", ("data",), (0, 4)),
        ("replica_groups=mesh['a'=2,'b'=4] {'a','b'}", ("data", "fsdp"), tuple(range(8))),
        ("replica_groups=mesh['a'=8] {'a':(2)4}", ("fsdp",), (0, 1, 2, 3)),
        ("replica_groups=mesh['a'=8] {'a':(2)2}", ("fsdp",), (0, 2)),
        ("replica_groups=mesh['a'=8] {'a':(1)2}", ("data",), (0, 4)),
        ("replica_groups=mesh['a'=4,'b'=2], device_ids=([2,4]T(1,0)) {'b'}", ("data",), (0, 4)),
        ("replica_groups=mesh['a'=4,'b'=2], device_ids=(0,4,1,5,2,6,3,7) {'b'}", ("data",), (0, 4)),
    ],
)
def test_groups_in_every_form(groups: str, axes: tuple[str, ...], first: tuple[int, ...]) -> None:
    line = f"ROOT %r = f32[8,16]{{1,0}} all-reduce(%a), channel_id=1, {groups}, to_apply=%add"
    found = only(line)
    assert (found.kind, found.axes, found.groups[0]) == ("all-reduce", axes, first)
    assert sorted(device for group in found.groups for device in group) == list(range(8))


@given(st.permutations(range(3)), st.sampled_from([(2, 2, 2), (1, 4, 2), (2, 3, 4)]))
def test_iota_groups_are_numpys_transposed_range(order: list[int], shape: tuple[int, ...]) -> None:
    size = math.prod(shape)
    mesh = AbstractMesh((size,), ("data",))
    text = f"[1,{size}]<=[{','.join(map(str, shape))}]T({','.join(map(str, order))})"
    line = f"ROOT %r = f32[8,16] all-reduce(%a), replica_groups={text}, to_apply=%add"
    expected = np.arange(size).reshape(shape).transpose(order).ravel()
    assert only(line, mesh).groups == (tuple(expected.tolist()),)


@pytest.mark.parametrize(
    ("line", "kind", "size", "traffic"),
    [
        ("%r = f32[32,16] all-gather(%a), replica_groups=[2,4]<=[8], dimensions={0}",
         "all-gather", 2048, 2048 * 3 / 4),
        ("%r = f32[2,16] reduce-scatter(%a), replica_groups=[2,4]<=[8], to_apply=%add",
         "reduce-scatter", 512, 512 * 3 / 4),
        ("%r = (f32[8,16], bf16[4]) all-reduce(%a, %b), replica_groups=[2,4]<=[8], to_apply=%add",
         "all-reduce", 520, 2 * 520 * 3 / 4),
        ("%r = f32[8,16] all-to-all(%a), replica_groups=[2,4]<=[8]",
         "all-to-all", 512, 512 * 3 / 4),
        ("%r = f32[8,16] collective-permute(%a), source_target_pairs={{0,1},{1,2},{2,3},{3,0}}",
         "collective-permute", 512, 512),
        ("%r = (f32[8,16], f32[32,16]) all-gather-start(%a), replica_groups=[2,4]<=[8]",
         "all-gather", 2048, 2048 * 3 / 4),
    ],
)  # fmt: skip
def test_bytes_and_traffic(line: str, kind: str, size: int, traffic: float) -> None:
    found = only(line)
    assert (found.kind, found.bytes, found.traffic, found.axes) == (kind, size, traffic, ("fsdp",))


def test_start_and_end_count_once() -> None:
    line = """%s = f32[8,16] all-reduce-start(%a), replica_groups=[2,4]<=[8], to_apply=%add
  ROOT %d = f32[8,16] all-reduce-done(%s)"""
    assert only(line).kind == "all-reduce"
    before = """
%wrapped (p: f32[8,16]) -> f32[2,16] {
  %p = f32[8,16] parameter(0)
  ROOT %rs = f32[2,16] reduce-scatter(%p), replica_groups=[2,4]<=[8], to_apply=%add
}
"""
    line = """%s = ((f32[8,16]), f32[2,16]) async-start(%a), calls=%wrapped
  ROOT %d = f32[2,16] async-done(%s)"""
    assert only(line, before=before).bytes == 512


def test_groups_of_one_are_no_communication() -> None:
    line = "ROOT %r = f32[8,16] all-reduce(%a), replica_groups=[8,1]<=[8], to_apply=%add"
    assert collectives(module(line), ABSTRACT) == ()


def test_a_tpu_program_spreads_one_over_fusions() -> None:
    split = 'backend_config={"async_collective_fusion_config":{"flag_start":"-1"}}'
    before = "".join(
        f"""
%fused.{n} (p.{n}: f32[8,16]) -> f32[32,16] {{
  %p.{n} = f32[8,16] parameter(0)
  ROOT %g.{n} = f32[32,16] all-gather(%p.{n}), channel_id=6, replica_groups=[2,4]<=[8], {split}
}}
%all-reduce-scatter.{n} (q.{n}: f32[8,16]) -> f32[2,16] {{
  %q.{n} = f32[8,16] parameter(0)
  %h.{n} = f32[8,16] all-reduce(%q.{n}), channel_id=7, replica_groups=[2,4]<=[8], to_apply=%add
  ROOT %c.{n} = f32[2,16] dynamic-slice(%h.{n}), dynamic_slice_sizes={{2,16}}
}}
"""
        for n in range(2)
    )
    line = """%f = f32[32,16] fusion(%a), kind=kCustom, calls=%fused.0
  %g = f32[32,16] fusion(%a), kind=kCustom, calls=%fused.1
  ROOT %h = f32[2,16] fusion(%a), kind=kCustom, calls=%all-reduce-scatter.0"""
    found = collectives(module(line, before), ABSTRACT)
    assert counted(found) == {("all-gather", ("fsdp",)): 1, ("reduce-scatter", ("fsdp",)): 1}


def compiled(function: object, mesh: Mesh, *specs: P, out: P) -> tuple[Collective, ...]:
    arrays = [
        jax.ShapeDtypeStruct((16, 8), np.float32, sharding=NamedSharding(mesh, spec))
        for spec in specs
    ]
    step = jax.jit(function, out_shardings=NamedSharding(mesh, out))  # type: ignore[call-overload]
    return collectives(step.lower(*arrays).compile().as_text(), mesh)


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    return build_mesh(MeshOptions(data=2, fsdp=2, tensor=2))


def test_a_program_that_gathers(mesh: Mesh) -> None:
    (found,) = compiled(lambda x: x * 2, mesh, P("fsdp"), out=P())
    assert (found.kind, found.bytes, found.axes, found.times) == ("all-gather", 512, ("fsdp",), 1)


def test_a_program_that_reduces_over_two_axes(mesh: Mesh) -> None:
    (found,) = compiled(lambda x: x.sum(0), mesh, P(("data", "tensor")), out=P())
    assert (found.kind, found.bytes, found.size) == ("all-reduce", 32, 4)
    assert found.axes == ("data", "tensor")


@pytest.mark.parametrize("length", [2, 5])
def test_a_loop_multiplies(mesh: Mesh, length: int) -> None:
    def summed(x: jax.Array, w: jax.Array) -> jax.Array:
        y, _ = lax.scan(lambda y, _: (jax.numpy.tanh(y @ (w.T @ w)), None), x, None, length)
        return y

    found = compiled(summed, mesh, P("data"), P("tensor"), out=P("data"))
    # The product of the two halves of w is the same in every round; the reduction is not.
    assert [(each.kind, each.axes) for each in found] == [("all-reduce", ("tensor",))]
    assert {each.times for each in found} == {1}

    def sharded(x: jax.Array, w: jax.Array) -> jax.Array:
        def turn(y: jax.Array, _: None) -> tuple[jax.Array, None]:
            return lax.psum(jax.numpy.tanh(y * w.sum()), "tensor"), None

        return lax.scan(turn, x, None, length)[0]

    function = jax.shard_map(
        sharded, mesh=mesh, in_specs=(P("data"), P("tensor")), out_specs=P("data")
    )
    (found_in_loop,) = compiled(function, mesh, P("data"), P("tensor"), out=P("data"))
    assert (found_in_loop.kind, found_in_loop.times) == ("all-reduce", length)


def test_a_ring_permutes(mesh: Mesh) -> None:
    def ring(x: jax.Array) -> jax.Array:
        return lax.ppermute(x, "tensor", [(0, 1), (1, 0)])

    function = jax.shard_map(ring, mesh=mesh, in_specs=P("tensor"), out_specs=P("tensor"))
    (found,) = compiled(function, mesh, P("tensor"), out=P("tensor"))
    assert (found.kind, found.axes, found.traffic) == ("collective-permute", ("tensor",), 256)


def test_a_loop_whose_rounds_are_read_from_its_condition() -> None:
    before = """
%body (p: (s32[], f32[8,16])) -> (s32[], f32[8,16]) {
  %p = (s32[]{:T(128)}, f32[8,16]{1,0}) parameter(0)
  %i = s32[] get-tuple-element(%p), index=0
  %two = s32[] constant(2)
  %next = s32[] add(%i, %two)
  %v = f32[8,16] get-tuple-element(%p), index=1
  %r.1 = f32[8,16] all-reduce(%v), replica_groups=[2,4]<=[8], to_apply=%add
  ROOT %t = (s32[], f32[8,16]) tuple(%next, %r.1)
}
%condition (q: (s32[], f32[8,16])) -> pred[] {
  %q = (s32[], f32[8,16]) parameter(0)
  %j = s32[] get-tuple-element(%q), index=0
  %limit = s32[] constant(11)
  ROOT %less = pred[] compare(%j, %limit), direction=LT
}
"""
    line = """%one = s32[] constant(1)
  %c = s32[] copy(%one)
  %start = (s32[], f32[8,16]) tuple(%c, %a)
  ROOT %w = (s32[], f32[8,16]) while(%start), condition=%condition, body=%body"""
    assert only(line, before=before).times == 5  # at 1, 3, 5, 7 and 9


def test_what_is_sent_between_slices() -> None:
    mesh = AbstractMesh((2, 4), ("replica", "fsdp"))
    attributes = 'frontend_attributes={_xla_megascale_transfer_type="ALL_REDUCE"}'
    line = f"""%t = token[] after-all()
  %s = (f32[8,16], u32[], token[]) send(%a, %t), channel_id=2, is_host_transfer=true, {attributes}
  %d = token[] send-done(%s), channel_id=2, is_host_transfer=true
  ROOT %r = f32[32,16] all-gather(%a), replica_groups=[1,4]<=[4], dimensions={{0}}"""
    text = module(line).replace("is_scheduled=true", "is_scheduled=true, num_partitions=4")
    between, within = sorted(collectives(text, mesh), key=lambda each: each.axes, reverse=True)
    assert (between.kind, between.axes, between.bytes) == ("all-reduce", ("replica",), 512)
    assert between.groups == ((0, 4), (1, 5), (2, 6), (3, 7))
    assert (within.axes, within.groups) == (("fsdp",), ((0, 1, 2, 3),))
