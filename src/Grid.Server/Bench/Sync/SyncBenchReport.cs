namespace Grid.Server.Bench.Sync;

/// <summary>One full sync.</summary>
/// <param name="Seconds">From the moment at which the replica was wanted to the last shard in sync.</param>
/// <param name="Before">The foreground before it.</param>
/// <param name="During">The foreground from its beginning to its end.</param>
/// <param name="Primary">What the primary's silo took and sent; null for redis-server.</param>
/// <param name="Replica">What the replica's silo took; null for redis-server.</param>
internal sealed record SyncRound(double Seconds, ForegroundLatency Before, ForegroundLatency During, SyncSiloReport? Primary, SyncSiloReport? Replica);

/// <summary>What a run measured.</summary>
/// <param name="Data">The set's name.</param>
/// <param name="Records">Records in use.</param>
/// <param name="DataBytes">Bytes of keys and values.</param>
/// <param name="Compression">How snapshots travelled.</param>
/// <param name="Link">What the two sides were joined by.</param>
/// <param name="LoadSeconds">How long it took to write the records into the grid.</param>
/// <param name="Joined">The full sync of a replica silo that has just started and joined: its code is not compiled yet.</param>
/// <param name="Grid">Full syncs of dropped replicas, on the same silo.</param>
/// <param name="CopiesEqual">Whether all copies had equal digests at the end.</param>
/// <param name="Redis">The same of redis-server; null when it was not measured.</param>
internal sealed record SyncBenchReport(
    char Data,
    long Records,
    long DataBytes,
    string Compression,
    string Link,
    double LoadSeconds,
    SyncRound Joined,
    IReadOnlyList<SyncRound> Grid,
    bool CopiesEqual,
    SyncRound? Redis)
{
    /// <summary>The round of the median time.</summary>
    public SyncRound Median => Grid.OrderBy(static round => round.Seconds).ElementAt((Grid.Count - 1) / 2);

    /// <summary>The median time as a part of redis-server's; null without it.</summary>
    public double? Ratio => Redis is null ? null : Median.Seconds / Redis.Seconds;
}
