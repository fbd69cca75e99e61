using Grid.Client.Contracts.Operator;

namespace Grid.Server.Digests;

/// <summary>What the digests of a shard's copies say.</summary>
internal enum DigestVerdict
{
    /// <summary>All copies are at one offset and have one digest.</summary>
    Equal,

    /// <summary>Copies at one offset differ: one of them is wrong.</summary>
    Differs,

    /// <summary>Copies are at different offsets, or one is being loaded: nothing can be said now.</summary>
    Unsettled,

    /// <summary>No copy was told of.</summary>
    Missing,
}

/// <summary>The digests of one shard's copies and what they say.</summary>
internal sealed record ShardDigest(int Shard, DigestVerdict Verdict, IReadOnlyList<CopyDigest> Copies)
{
    /// <summary>Compares: copies at the same offset must have the same digest.</summary>
    public static ShardDigest Compare(int shard, IReadOnlyList<CopyDigest> copies)
    {
        CopyDigest[] whole = [.. copies.Where(copy => copy.Problem is null)];
        bool differs = whole.GroupBy(copy => copy.Offset).Any(same => same.Select(copy => (copy.Digest, copy.Entries, copy.Sessions)).Distinct().Count() > 1);
        DigestVerdict verdict = differs ? DigestVerdict.Differs
            : copies.Count == 0 ? DigestVerdict.Missing
            : whole.Length < copies.Count || whole.Select(copy => copy.Offset).Distinct().Count() > 1 ? DigestVerdict.Unsettled
            : DigestVerdict.Equal;
        return new ShardDigest(shard, verdict, copies);
    }
}
