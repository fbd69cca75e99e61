using System.Text;
using Grid.Formats.Mutations;
using Grid.Replication.Log;
using Grid.Replication.Sessions;
using Grid.Storage;

namespace Grid.Replication.Copies;

/// <summary>Carries mutations out on a copy's data and sessions: deterministic, reads no clock, the same at primary and replica.</summary>
public static class MutationApplier
{
    /// <summary>Mutations whose slots and records are fetched into the cache together before they are applied.</summary>
    private const int WindowMutations = 32;

    /// <summary>Applies a run of mutations in order.</summary>
    public static void Apply(ShardStore store, SessionTable sessions, in LogSlice slice)
    {
        ReadOnlySpan<byte> rest = slice.Bytes;
        for (int i = 0; i < slice.Count; i++)
        {
            if (i % WindowMutations == 0)
                Prefetch(store, rest, Math.Min(WindowMutations, slice.Count - i));
            Mutation mutation = Mutation.Read(rest);
            Apply(store, sessions, mutation, EntryVersion.Pack(slice.Epoch, slice.FirstOffset + i));
            rest = rest[mutation.Length..];
        }
    }

    /// <summary>A hint: the waits for memory of several mutations overlap instead of adding up.</summary>
    private static void Prefetch(ShardStore store, ReadOnlySpan<byte> rest, int count)
    {
        if (count < 2)
            return;
        Span<ulong> hashes = stackalloc ulong[WindowMutations];
        Span<int> keyspaces = stackalloc int[WindowMutations];
        int found = 0;
        for (int i = 0; i < count; i++)
        {
            Mutation mutation = Mutation.Read(rest);
            rest = rest[mutation.Length..];
            if (mutation.Kind is not (MutationKind.Set or MutationKind.Delete or MutationKind.Expire) || store.Find(mutation.Keyspace) is not { } keyspace)
                continue;
            hashes[found] = KeyHash.Compute(mutation.Key);
            keyspaces[found] = mutation.Keyspace;
            keyspace.PrefetchSlot(hashes[found++]);
        }

        for (int i = 0; i < found; i++)
            store.Find(keyspaces[i])!.PrefetchRecord(hashes[i]);
    }

    /// <summary>Applies one mutation.</summary>
    /// <exception cref="InvalidOperationException">It is for a keyspace or session that was never named: the log is not this copy's.</exception>
    public static void Apply(ShardStore store, SessionTable sessions, in Mutation mutation, ulong version)
    {
        switch (mutation.Kind)
        {
            case MutationKind.Barrier:
                return;
            case MutationKind.CreateKeyspace:
                store.GetOrCreate(mutation.Keyspace, Encoding.UTF8.GetString(mutation.Key));
                return;
            case MutationKind.OpenSession or MutationKind.EvictSession:
                sessions.Apply(mutation, version);
                return;
        }

        Keyspace keyspace = store.Find(mutation.Keyspace)
            ?? throw new InvalidOperationException($"A mutation for keyspace {mutation.Keyspace}, which this copy never heard of.");
        ulong hash = mutation.Kind == MutationKind.Clear ? 0 : KeyHash.Compute(mutation.Key);
        switch (mutation.Kind)
        {
            case MutationKind.Set:
                keyspace.Set(mutation.Key, hash, mutation.Value, mutation.ExpiryUnixMs, version);
                break;
            case MutationKind.Delete:
                keyspace.Delete(mutation.Key, hash, version);
                break;
            case MutationKind.Expire:
                keyspace.SetExpiry(mutation.Key, hash, mutation.ExpiryUnixMs, version);
                break;
            case MutationKind.Clear:
                keyspace.Clear(version);
                break;
            default:
                throw new InvalidOperationException($"Mutation kind {mutation.Kind} cannot be applied.");
        }

        if (!mutation.Origin.IsNone)
            sessions.Record(mutation.Origin, mutation.Keyspace, mutation.Kind == MutationKind.Clear, hash, version, mutation.Result);
    }
}
