using System.Text;
using Grid.Client.Routing;
using Xunit;

namespace Grid.Tests.Client;

/// <summary>Where keys go is part of the format: these numbers never change.</summary>
public sealed class ShardHashTests
{
    [Theory]
    [InlineData("a", 0xe6c632b61e964e1fUL)]
    [InlineData("abc", 0x78af5f94892f3950UL)]
    [InlineData("user:1000", 0xfb6841b2068c0c9fUL)]
    public void Keys_have_golden_hashes(string key, ulong hash) => Assert.Equal(hash, ShardHash.Hash(Encoding.UTF8.GetBytes(key)));

    [Theory]
    [InlineData("{user1}:cart", "user1")]
    [InlineData("order{user1}", "user1")]
    [InlineData("a{b}{c}", "b")]
    [InlineData("a{{b}c", "{b")]
    public void Keys_with_one_tag_share_a_shard(string key, string tag)
    {
        Assert.Equal(ShardHash.Hash(Encoding.UTF8.GetBytes(tag)), ShardHash.Hash(Encoding.UTF8.GetBytes(key)));
        Assert.Equal(ShardHash.Shard(Encoding.UTF8.GetBytes(tag), 64), ShardHash.Shard(Encoding.UTF8.GetBytes(key), 64));
    }

    [Theory]
    [InlineData("a{}b")]
    [InlineData("a{b")]
    [InlineData("a}b{")]
    [InlineData("{}")]
    public void Braces_without_anything_between_are_no_tag(string key) => Assert.False(ShardHash.TryGetTag(Encoding.UTF8.GetBytes(key), out _));

    [Fact]
    public void Shards_are_hit_evenly()
    {
        int[] hits = new int[64];
        for (int i = 0; i < 64_000; i++)
            hits[ShardHash.Shard(Encoding.UTF8.GetBytes($"key:{i:D10}"), 64)]++;
        Assert.InRange(hits.Min(), 850, 1000);
        Assert.InRange(hits.Max(), 1000, 1150);
    }

    [Fact]
    public void There_must_be_a_shard() => Assert.Throws<ArgumentOutOfRangeException>(() => ShardHash.Shard("a"u8, 0));
}
