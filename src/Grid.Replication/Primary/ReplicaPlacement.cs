using System.IO.Hashing;
using System.Text;

namespace Grid.Replication.Primary;

/// <summary>Which silo a shard's copies go to, when any would do.</summary>
public static class ReplicaPlacement
{
    /// <summary>
    /// Ranks silos for a shard by rendezvous hashing: every silo gets a like share of all shards, and a silo that joins
    /// or leaves changes the order of no others.
    /// </summary>
    public static IEnumerable<string> Rank(int shard, IEnumerable<string> silos) =>
        silos.OrderByDescending(silo => Weight(shard, silo)).ThenBy(silo => silo, StringComparer.Ordinal);

    /// <summary>How much a shard likes a silo, for no reason.</summary>
    internal static ulong Weight(int shard, string silo) => XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(silo), shard + 1);
}
