using System.Collections.Immutable;

namespace Grid.Replication.Records;

/// <summary>Names one copy for ever: the silo's incarnation and the copy's random id.</summary>
/// <param name="Silo">The silo's address with its generation, as text; a restarted silo has another one.</param>
/// <param name="CopyId">Made at random with the copy; an emptied or reloaded copy has another one.</param>
public readonly record struct CopyName(string Silo, Guid CopyId)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Silo}/{CopyId.ToString()[..8]}";
}

/// <summary>
/// Who reigns over a shard and which copies have everything: the one thing about a shard that is stored outside of
/// memory, changed only by compare-and-set.
/// </summary>
public sealed record ShardRecord
{
    /// <summary>Number of the shard.</summary>
    public required int Shard { get; init; }

    /// <summary>Random name of the line of data; a new one begins when an operator accepts a loss.</summary>
    public required Guid Lineage { get; init; }

    /// <summary>Grows by one with every change of the record.</summary>
    public required long Version { get; init; }

    /// <summary>Random name of this write of the record: by it a writer recognizes its own write.</summary>
    public required Guid Nonce { get; init; }

    /// <summary>Number of the present reign; 0 while the shard has never had a primary, so that no data can be missing.</summary>
    public required long Epoch { get; init; }

    /// <summary>The primary's copy; none while <see cref="Epoch"/> is 0.</summary>
    public CopyName? Primary { get; init; }

    /// <summary>The in-sync set, the primary's own copy included, ordered by silo.</summary>
    public ImmutableArray<CopyName> InSync { get; init; } = [];

    /// <summary>The record of a shard that was just bootstrapped.</summary>
    public static ShardRecord Fresh(int shard, Guid lineage, Guid nonce) =>
        new() { Shard = shard, Lineage = lineage, Version = 1, Nonce = nonce, Epoch = 0 };

    /// <summary>The in-sync copies beside the primary's.</summary>
    public IEnumerable<CopyName> Members => InSync.Where(copy => copy != Primary);

    /// <summary>True when <paramref name="copy"/> is in the in-sync set.</summary>
    public bool Names(CopyName copy) => InSync.Contains(copy);

    /// <summary>The next state of the record with another in-sync set.</summary>
    public ShardRecord WithInSync(IEnumerable<CopyName> inSync, Guid nonce) => this with
    {
        Version = Version + 1,
        Nonce = nonce,
        InSync = Ordered(inSync),
    };

    /// <summary>The next state of the record with another primary, in a reign of its own.</summary>
    public ShardRecord WithPrimary(CopyName primary, long epoch, IEnumerable<CopyName> inSync, Guid nonce) => this with
    {
        Version = Version + 1,
        Nonce = nonce,
        Epoch = epoch,
        Primary = primary,
        InSync = Ordered(inSync.Append(primary)),
    };

    /// <inheritdoc/>
    public override string ToString() =>
        $"shard {Shard} v{Version} epoch {Epoch} primary {Primary?.ToString() ?? "none"} in-sync [{string.Join(", ", InSync)}]";

    private static ImmutableArray<CopyName> Ordered(IEnumerable<CopyName> copies) =>
        [.. copies.Distinct().OrderBy(copy => copy.Silo, StringComparer.Ordinal).ThenBy(copy => copy.CopyId)];
}
