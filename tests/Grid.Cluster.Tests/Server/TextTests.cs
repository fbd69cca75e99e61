using System.Text;
using Grid.Client.Contracts.Operator;
using Grid.Server;
using Grid.Server.Bench;
using Grid.Server.Digests;
using Grid.Server.Entries;
using Grid.Server.Transfer;
using Xunit;

namespace Grid.Cluster.Tests.Server;

/// <summary>The small parts of the command-line tool that only turn one thing into another.</summary>
public sealed class TextTests
{
    [Theory]
    [InlineData("500ms", 500)]
    [InlineData("30s", 30_000)]
    [InlineData("30", 30_000)]
    [InlineData("1.5h", 5_400_000)]
    [InlineData("15m", 900_000)]
    [InlineData("7d", 604_800_000)]
    public void Times_are_numbers_with_a_unit(string text, double milliseconds)
    {
        Assert.True(TimeText.TryParse(text, out TimeSpan time));
        Assert.Equal(milliseconds, time.TotalMilliseconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("-5s")]
    [InlineData("0ms")]
    [InlineData("101y")]
    [InlineData("40000d")]
    [InlineData("NaN")]
    [InlineData("1e9d")]
    public void Other_texts_are_no_times(string text) => Assert.False(TimeText.TryParse(text, out _));

    [Fact]
    public void A_line_shows_any_bytes_without_breaking_the_line()
    {
        byte[] bytes = [.. "a\tb\nc\\d"u8, 0x00, 0xFF, .. "é"u8];
        Assert.Equal(@"a\tb\nc\\d\x00\xffé", EntryText.Line(bytes));
    }

    [Fact]
    public void Bytes_that_are_no_text_are_told_apart()
    {
        Assert.Null(EntryText.TryText([0xC3]));
        Assert.Equal("é", EntryText.TryText("é"u8));
        Assert.Equal([1, 0xAB], EntryText.Parse("01ab", hex: true, "key"));
        Assert.Equal(ExitCode.Usage, Assert.Throws<CommandException>(() => EntryText.Parse("01a", hex: true, "key")).ExitCode);
    }

    [Fact]
    public void Databases_keep_their_numbers_through_import_and_export()
    {
        DatabaseNumbers numbers = new();
        foreach (int database in (int[])[0, 3, 1, 15])
            Assert.Equal(database, numbers.Of(KeyspaceNames.Of(database)));
        Assert.Equal(2, numbers.Of("users"));
        Assert.Equal(4, numbers.Of("db2"));
        Assert.Equal(5, numbers.Of("db02"));
        Assert.Equal(2, numbers.Of("users"));
    }

    [Theory]
    [InlineData("0=users", true)]
    [InlineData("15=a=b", true)]
    [InlineData("users", false)]
    [InlineData("=users", false)]
    [InlineData("0=", false)]
    [InlineData("-1=users", false)]
    public void A_map_names_a_database_and_a_keyspace(string text, bool right) => Assert.Equal(right, KeyspaceNames.TryParse(text, out _, out _));

    [Fact]
    public void Digests_differ_only_between_copies_at_one_offset()
    {
        Assert.Equal(DigestVerdict.Equal, Verdict(Copy("a", 7, "x"), Copy("b", 7, "x")));
        Assert.Equal(DigestVerdict.Equal, Verdict(Copy("a", 7, "x")));
        Assert.Equal(DigestVerdict.Differs, Verdict(Copy("a", 7, "x"), Copy("b", 7, "y")));
        Assert.Equal(DigestVerdict.Differs, Verdict(Copy("a", 7, "x"), Copy("b", 8, "y"), Copy("c", 7, "z")));
        Assert.Equal(DigestVerdict.Unsettled, Verdict(Copy("a", 7, "x"), Copy("b", 8, "y")));
        Assert.Equal(DigestVerdict.Unsettled, Verdict(Copy("a", 7, "x"), Copy("b", 0, "") with { Problem = "it is loading" }));
        Assert.Equal(DigestVerdict.Missing, Verdict());
    }

    [Fact]
    public void A_mix_is_shares_by_name()
    {
        Assert.Equal(new LoadMix(50, 30, 5, 5, 5, 3, 2), BenchVerb.ParseMix("get=50,set=30,cas=5,incr=5,del=5,mget=3,mset=2"));
        Assert.Contains("'put=1'", Assert.Throws<CommandException>(() => BenchVerb.ParseMix("put=1")).Message);
        Assert.Equal((100, 10_000), BenchVerb.ParseSize("100-10000"));
        Assert.Equal((5, 5), BenchVerb.ParseSize("5"));
        Assert.Throws<CommandException>(() => BenchVerb.ParseSize("1-2-3"));
    }

    [Fact]
    public void An_entry_as_JSON_is_text_where_it_can_be()
    {
        EntryJson text = EntryJson.Of("k"u8, "v"u8, withValue: true, 1, null);
        Assert.Equal(("k", null, "v", null), (text.Key, text.KeyBase64, text.Value, text.ValueBase64));
        EntryJson bytes = EntryJson.Of([0xFF], [0xFE], withValue: true, 1, null);
        Assert.Equal((null, "/w==", null, "/g=="), (bytes.Key, bytes.KeyBase64, bytes.Value, bytes.ValueBase64));
        Assert.Null(EntryJson.Of("k"u8, Encoding.UTF8.GetBytes("v"), withValue: false, 1, null).Value);
    }

    private static DigestVerdict Verdict(params CopyDigest[] copies) => ShardDigest.Compare(0, copies).Verdict;

    private static CopyDigest Copy(string silo, long offset, string digest) => new() { Shard = 0, Silo = silo, Offset = offset, Entries = 1, Digest = digest };
}
