using Grid.Server.Chaos.Histories;
using Xunit;

namespace Grid.Tests.Chaos;

/// <summary>Histories that are linearizable, though some look as if they were not.</summary>
public sealed class GoodHistoryTests
{
    [Fact]
    public void A_read_sees_what_was_written() => Holds(
        "1  0 10 set \"a\" -> ok version=1:1",
        "2 20 30 get -> ok \"a\" version=1:1");

    [Fact]
    public void A_read_may_see_a_write_that_is_under_way_and_a_later_one_may_not_miss_it() => Holds(
        "1  0 90 set \"a\" -> ok version=1:1",
        "2 10 20 get -> absent",
        "3 30 40 get -> ok \"a\" version=1:1",
        "3 50 60 get -> ok \"a\" version=1:1");

    [Fact]
    public void Writes_at_the_same_time_take_place_in_the_order_of_their_versions() => Holds(
        "1  0 90 set \"a\" -> ok version=1:2",
        "2  0 90 set \"b\" -> ok version=1:1",
        "3 20 30 get -> ok \"b\" version=1:1",
        "3 95 99 get -> ok \"a\" version=1:2");

    [Fact]
    public void An_answer_at_the_moment_of_the_next_call_may_be_on_either_side_of_it() => Holds(
        "1  0 10 set \"a\" -> ok version=1:1",
        "2 10 20 get -> absent");

    [Fact]
    public void A_write_of_unknown_outcome_may_show_late() => Holds(
        "1  0  - set \"a\" -> unknown",
        "2 10 20 get -> absent",
        "1 30 40 set \"b\" -> ok version=1:1",
        "2 50 60 get -> ok \"b\" version=1:1",
        "2 70 80 get -> ok \"a\" version=1:9");

    [Fact]
    public void A_write_of_unknown_outcome_may_never_show() => Holds(
        "1  0  - set \"a\" -> unknown",
        "2 10 20 get -> absent",
        "2 30 40 set \"b\" if-absent -> ok version=1:1",
        "2 50 60 get -> ok \"b\" version=1:1");

    [Fact]
    public void Several_of_unknown_outcome_may_make_what_is_seen() => Holds(
        "1  0  - delete -> unknown",
        "2  0  - set \"a\" if-absent -> unknown",
        "3  0 10 set \"b\" -> ok version=1:1",
        "3 20 30 get -> ok \"a\" version=1:3");

    [Fact]
    public void Increments_of_unknown_outcome_by_different_amounts_add_up_to_what_is_seen() => Holds(
        "1  0  1 increment by=338 -> ok number=338",
        "2  2  - increment by=50 -> unknown",
        "3  3  - increment by=27 -> unknown",
        "4  4  - increment by=22 -> unknown",
        "5  5  6 increment by=11 -> ok number=448");

    [Fact]
    public void Increments_of_unknown_outcome_count_as_often_as_is_seen() => Holds(
        "1  0  - increment by=1 -> unknown",
        "2  0  - increment by=1 -> unknown",
        "3  0  - increment by=1 -> unknown",
        "4 10 20 increment by=1 -> ok number=3",
        "4 30 40 get -> ok \"3\"",
        "4 50 60 increment by=1 -> ok number=5");

    [Fact]
    public void What_was_refused_never_shows() => Holds(
        "1  0 10 set \"a\" -> refused",
        "2 20 30 get -> absent");

    [Fact]
    public void An_entry_may_be_gone_once_its_time_has_come() => Holds(
        "1      0    100 set \"a\" ttl=50 -> ok version=1:1",
        "2   1000   1100 get -> ok \"a\" version=1:1",
        "2  60000  60100 get -> absent",
        "2  61000  61100 set \"b\" if-absent -> ok version=1:3");

    [Fact]
    public void An_entry_may_live_as_much_longer_as_clocks_may_differ() => Holds(
        "1      0    100 set \"a\" ttl=50 -> ok version=1:1",
        "2  53000  53100 get -> ok \"a\" version=1:1");

    [Fact]
    public void Who_writes_and_who_lets_go_may_be_two_clocks_of_which_one_is_slow_and_one_is_fast() => Holds(
        "1      0    100 set \"a\" ttl=50 -> ok version=1:1",
        "2  41000  41100 get -> absent");

    [Fact]
    public void An_expiry_that_was_shown_is_wrong_by_one_clock_only()
    {
        Assert.Equal(LinearizabilityVerdict.Violated, KeyHistory.Check(
            "1      0    100 set \"a\" ttl=50 -> ok version=1:1 expires=1700000000050",
            "2  41000  41100 get -> absent"));
        Holds(
            "1      0    100 set \"a\" ttl=50 -> ok version=1:1 expires=1700000000050",
            "2  46000  46100 get -> absent");
    }

    [Fact]
    public void What_a_touch_leaves_has_the_value_that_it_found() => Holds(
        "1  0 10 set \"a\" -> ok version=1:1",
        "2 10  - set \"b\" -> unknown",
        "1 20 30 expire ttl=1000 -> ok version=1:3",
        "1 40 50 get -> ok \"b\" version=1:3");

    [Fact]
    public void A_write_that_may_be_lost_takes_effect_as_it_was_told_or_not_at_all() => Holds(
        "1  0 10 set \"a\" -> ok may-be-lost version=1:1",
        "2 20 30 get -> absent",
        "1 40 50 set \"b\" -> ok may-be-lost version=1:2",
        "2 60 70 get -> ok \"b\" version=1:2");

    [Fact]
    public void A_clear_takes_every_key_of_its_keyspace_and_none_of_another()
    {
        History history = HistoryText.Read(new StringReader(
            """
            grid-history 1 origin=0
            1  0 10 "one" "a" set "x" -> ok version=1:1
            1 20 30 "one" "b" set "x" -> ok version=1:2
            1 40 50 "two" "a" set "x" -> ok version=1:3
            2 60 70 "one" "" clear -> ok
            3 80 90 "one" "a" get -> absent
            3 80 90 "one" "b" get -> absent
            3 80 90 "two" "a" get -> ok "x" version=1:3
            """));
        IReadOnlyList<KeyVerdict> verdicts = LinearizabilityChecker.Check(history);
        Assert.Equal(3, verdicts.Count);
        Assert.All(verdicts, verdict => Assert.Equal(LinearizabilityVerdict.Linearizable, verdict.Verdict));
        History without = history with { Operations = [.. history.Operations.Where(operation => operation.Action != HistoryAction.Clear)] };
        Assert.Equal(2, LinearizabilityChecker.Check(without).Count(verdict => verdict.Verdict == LinearizabilityVerdict.Violated));
    }

    private static void Holds(params string[] lines) => Assert.Equal(LinearizabilityVerdict.Linearizable, KeyHistory.Check(lines));
}
