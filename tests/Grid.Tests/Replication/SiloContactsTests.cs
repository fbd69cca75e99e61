using Grid.Replication.Primary;
using Xunit;

namespace Grid.Tests.Replication;

/// <summary>Since when a silo has been in touch with most of the others.</summary>
public sealed class SiloContactsTests
{
    private static readonly string[] Five = ["a", "b", "c", "d", "e"];

    [Fact]
    public void A_silo_alone_needs_nobody() => Assert.Equal(700, new SiloContacts().MajorityAtMs(["a"], "a", 700));

    [Fact]
    public void Of_five_two_others_must_have_answered_and_the_older_answer_counts()
    {
        SiloContacts contacts = new();
        contacts.OnAnswer("b", 500);
        Assert.True(contacts.MajorityAtMs(Five, "a", 700) < 0);
        contacts.OnAnswer("c", 600);
        Assert.Equal(500, contacts.MajorityAtMs(Five, "a", 700));
        contacts.OnAnswer("d", 650);
        Assert.Equal(600, contacts.MajorityAtMs(Five, "a", 700));
    }

    [Theory]
    [InlineData(2, 1)]
    [InlineData(3, 1)]
    [InlineData(4, 2)]
    [InlineData(5, 2)]
    [InlineData(100, 50)]
    public void Exactly_half_is_not_most(int silos, int others)
    {
        string[] alive = [.. Enumerable.Range(0, silos).Select(i => $"s{i}")];
        SiloContacts contacts = new();
        for (int i = 1; i <= others; i++)
        {
            Assert.True(contacts.MajorityAtMs(alive, "s0", 9) < 0);
            contacts.OnAnswer($"s{i}", i + 1);
        }

        Assert.Equal(2, contacts.MajorityAtMs(alive, "s0", 9));
    }

    [Fact]
    public void An_answer_to_an_older_question_takes_nothing_back()
    {
        SiloContacts contacts = new();
        contacts.OnAnswer("b", 500);
        contacts.OnAnswer("b", 300);
        Assert.Equal(500, contacts.MajorityAtMs(["a", "b"], "a", 700));
    }

    [Fact]
    public void The_dead_and_this_silo_itself_do_not_count()
    {
        SiloContacts contacts = new();
        contacts.OnAnswer("a", 600);
        contacts.OnAnswer("x", 600);
        contacts.OnAnswer("b", 100);
        Assert.Equal(100, contacts.MajorityAtMs(["a", "b", "c"], "a", 700));
    }

    [Fact]
    public void Who_is_long_gone_is_forgotten()
    {
        SiloContacts contacts = new();
        for (int i = 0; i < 100; i++)
            contacts.OnAnswer($"gone{i}", 1);
        contacts.OnAnswer("b", 5);
        Assert.Equal(5, contacts.MajorityAtMs(["a", "b"], "a", 9));
        Assert.True(contacts.MajorityAtMs(["a", "gone1", "gone2"], "a", 9) < 0);
    }
}
