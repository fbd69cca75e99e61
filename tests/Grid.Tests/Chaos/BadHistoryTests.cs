using Grid.Server.Chaos.Histories;
using Xunit;

namespace Grid.Tests.Chaos;

/// <summary>Histories that are not linearizable, each by one of the ways in which a grid could go wrong.</summary>
public sealed class BadHistoryTests
{
    [Fact]
    public void A_lost_write() => Breaks(
        "1  0 10 set \"a\" -> ok version=1:1",
        "1 20 30 set \"b\" -> ok version=1:2",
        "2 40 50 get -> ok \"a\" version=1:1");

    [Fact]
    public void The_loss_of_everything() => Breaks(
        "1  0 10 set \"a\" -> ok version=1:1",
        "2 40 50 get -> absent");

    [Fact]
    public void A_stale_read() => Breaks(
        "1  0 10 set \"a\" -> ok version=1:1",
        "1 20 30 set \"b\" -> ok version=1:2",
        "2 32 35 get -> ok \"b\" version=1:2",
        "3 40 50 get -> ok \"a\" version=1:1");

    [Fact]
    public void A_dirty_read() => Breaks(
        "1  0 10 set \"a\" -> refused",
        "2  5 15 get -> ok \"a\" version=1:1");

    [Fact]
    public void A_read_of_what_nobody_wrote() => Breaks(
        "1  0 10 set \"a\" -> ok version=1:1",
        "2 20 30 get -> ok \"b\" version=1:1");

    [Fact]
    public void A_read_of_what_is_written_only_later() => Breaks(
        "1  0 10 get -> ok \"a\" version=1:1",
        "2 20 30 set \"a\" -> ok version=1:1");

    [Fact]
    public void A_resurrected_entry() => Breaks(
        "1  0 10 set \"a\" -> ok version=1:1",
        "1 20 30 delete -> ok",
        "2 40 50 get -> ok \"a\" version=1:1");

    [Fact]
    public void A_delete_that_removed_what_was_gone() => Breaks(
        "1  0 10 set \"a\" -> ok version=1:1",
        "1 20 30 delete -> ok",
        "2 40 50 delete -> ok");

    [Fact]
    public void An_increment_that_counted_twice() => Breaks(
        "1  0 10 increment by=1 -> ok number=1",
        "1 20 30 increment by=1 -> ok number=3");

    [Fact]
    public void An_increment_of_unknown_outcome_that_counted_twice() => Breaks(
        "1  0  - increment by=1 -> unknown",
        "1 20 30 increment by=1 -> ok number=3");

    [Fact]
    public void Two_increments_that_were_told_the_same() => Breaks(
        "1  0 50 increment by=1 -> ok number=1",
        "2  0 50 increment by=1 -> ok number=1");

    [Fact]
    public void A_compare_and_set_that_succeeded_twice() => Breaks(
        "1  0 10 set \"a\" -> ok version=1:1",
        "2 20 90 set \"b\" if-version=1:1 -> ok version=1:2",
        "3 20 90 set \"c\" if-version=1:1 -> ok version=1:3");

    [Fact]
    public void A_set_if_absent_that_succeeded_twice() => Breaks(
        "1 20 90 set \"b\" if-absent -> ok version=1:2",
        "2 20 90 set \"c\" if-absent -> ok version=1:3");

    [Fact]
    public void A_condition_that_failed_though_it_held() => Breaks(
        "1  0 10 set \"a\" -> ok version=1:1",
        "2 20 30 set \"b\" if-version=1:1 -> failed");

    [Fact]
    public void Two_writes_with_one_version() => Breaks(
        "1  0 10 set \"a\" -> ok version=1:1",
        "1 20 30 set \"b\" -> ok version=1:1");

    [Fact]
    public void Versions_that_fall() => Breaks(
        "1  0 10 set \"a\" -> ok version=2:1",
        "1 20 30 set \"b\" -> ok version=1:9");

    [Fact]
    public void Reads_that_go_back_in_time_while_the_write_is_under_way() => Breaks(
        "1  0 90 set \"a\" -> ok version=1:1",
        "2 10 20 get -> ok \"a\" version=1:1",
        "3 30 40 get -> absent");

    [Fact]
    public void Two_readers_who_see_two_writes_in_two_orders() => Breaks(
        "1  0 90 set \"a\" -> ok",
        "2  0 90 set \"b\" -> ok",
        "3 10 20 get -> ok \"a\"",
        "3 30 40 get -> ok \"b\"",
        "4 41 42 get -> ok \"a\"");

    [Fact]
    public void A_write_of_unknown_outcome_that_shows_vanishes_and_shows_again() => Breaks(
        "1  0  - set \"a\" -> unknown",
        "2 10 20 get -> ok \"a\" version=1:1",
        "1 30 40 set \"b\" -> ok version=1:2",
        "2 50 60 get -> ok \"b\" version=1:2",
        "2 70 80 get -> ok \"a\" version=1:3");

    [Fact]
    public void An_entry_that_vanished_before_its_time() => Breaks(
        "1      0    100 set \"a\" ttl=50 -> ok version=1:1",
        "2  30000  30100 get -> absent");

    [Fact]
    public void An_entry_that_lives_on_behind_its_time() => Breaks(
        "1      0    100 set \"a\" ttl=50 -> ok version=1:1",
        "2  90000  90100 get -> ok \"a\" version=1:1");

    [Fact]
    public void An_entry_without_expiry_that_vanished() => Breaks(
        "1      0    100 set \"a\" ttl=50 -> ok version=1:1",
        "1   1000   1100 expire ttl=0 -> ok version=1:2",
        "2  90000  90100 get -> absent");

    [Fact]
    public void An_expiry_that_is_not_what_was_asked_for() => Breaks(
        "1      0    100 set \"a\" ttl=50 -> ok version=1:1 expires=1700000009000");

    [Fact]
    public void A_lost_write_that_was_allowed_to_be_lost_and_then_shows_with_another_version() => Breaks(
        "1  0 10 set \"a\" -> ok may-be-lost version=1:1",
        "2 20 30 get -> ok \"a\" version=1:2");

    [Fact]
    public void An_excerpt_names_the_read_what_was_there_and_who_wrote_it()
    {
        KeyVerdict verdict = KeyHistory.Verdict(KeyHistory.Parse(
            "1  0 10 set \"a\" -> ok version=1:1",
            "7 11 12 get -> ok \"a\" version=1:1",
            "1 20 30 set \"b\" -> ok version=1:2",
            "2 35 60 get -> ok \"b\" version=1:2",
            "3 40 50 get -> ok \"a\" version=1:1",
            "4 70 80 get -> absent"));
        Assert.Equal(LinearizabilityVerdict.Violated, verdict.Verdict);
        Assert.Equal(
            """
            Key "ks"/"k" is not linearizable: no order of its operations explains
              > 3 40 50 "ks" "k" get -> ok "a" version=1:1
            When it was begun the key could be: "b" with version 1:2.
            Of what it was shown there are these writers:
                1 0 10 "ks" "k" set "a" -> ok version=1:1
            What the key could be was written by:
                1 20 30 "ks" "k" set "b" -> ok version=1:2
            At the same time, or right before:
                2 35 60 "ks" "k" get -> ok "b" version=1:2

            """,
            verdict.Excerpt);
    }

    [Fact]
    public void A_search_that_is_too_much_gives_up_and_says_so()
    {
        string[] writes = [.. Enumerable.Range(0, 40).Select(i => $"{i} 0 90 set \"{i}\" -> ok")];
        History history = KeyHistory.Parse([.. writes, "50 95 99 get -> ok \"x\""]);
        KeyVerdict verdict = Assert.Single(LinearizabilityChecker.Check(history, new LinearizabilityOptions { StepsMax = 100_000 }));
        Assert.Equal(LinearizabilityVerdict.GaveUp, verdict.Verdict);
        Assert.Contains("too much to check", verdict.Excerpt);
    }

    private static void Breaks(params string[] lines) => Assert.Equal(LinearizabilityVerdict.Violated, KeyHistory.Check(lines));
}
