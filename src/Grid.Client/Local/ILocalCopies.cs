using System.Buffers;

namespace Grid.Client.Local;

/// <summary>The copies of shards on the silo that this client lives in. There is none in a client of the cluster.</summary>
internal interface ILocalCopies
{
    /// <summary>Looks an entry up in the silo's copy of its shard, from any thread, without waiting for anybody.</summary>
    /// <param name="keyspace">The keyspace's name.</param>
    /// <param name="key">The key.</param>
    /// <param name="maxStalenessMs">How old the copy's state may be.</param>
    /// <param name="value">Gets the value appended, if there is an entry; null where nobody wants it.</param>
    /// <param name="entry">What is there.</param>
    /// <returns>False if the copy cannot answer: there is none, it is not fresh enough, or what it holds is not committed yet. Ask the primary.</returns>
    bool TryRead(string keyspace, ReadOnlySpan<byte> key, long maxStalenessMs, IBufferWriter<byte>? value, out LocalEntry entry);
}

/// <summary>What a copy holds under a key.</summary>
/// <param name="Found">True if there is an entry.</param>
/// <param name="Version">Its version.</param>
/// <param name="ExpiryUnixMs">When it expires; 0 for never.</param>
/// <param name="Shard">The shard.</param>
internal readonly record struct LocalEntry(bool Found, ulong Version, long ExpiryUnixMs, int Shard);
