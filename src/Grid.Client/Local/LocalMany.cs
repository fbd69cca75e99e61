using Grid.Client.Keyspaces;
using Grid.Client.Operations;
using Grid.Formats.Operations;

namespace Grid.Client.Local;

/// <summary>A read of many keys of which copies on this silo answer what they can, and primaries the rest.</summary>
internal static class LocalMany
{
    /// <summary>Reads each key.</summary>
    /// <param name="calls">The keyspace.</param>
    /// <param name="copies">The silo's copies.</param>
    /// <param name="kind">Get or Peek.</param>
    /// <param name="keys">The keys, checked.</param>
    /// <param name="reader">Makes each result.</param>
    /// <param name="state">For the reader.</param>
    /// <param name="settings">The call's settings.</param>
    /// <param name="token">Ends the part that is asked of primaries.</param>
    public static ValueTask<T[]> Read<T>(
        KeyspaceCalls calls,
        ILocalCopies copies,
        OperationKind kind,
        ReadOnlySpan<ReadOnlyMemory<byte>> keys,
        ResultReader<T> reader,
        object? state,
        in CallSettings settings,
        CancellationToken token)
    {
        T[] results = new T[keys.Length];
        List<int>? missing = null;
        List<GridFailure>? failures = null;
        for (int i = 0; i < keys.Length; i++)
        {
            try
            {
                if (!LocalRead.TryRead(calls.Dispatcher, copies, calls.Name, kind, keys[i].Span, settings, reader, state, out results[i]))
                    (missing ??= []).Add(i);
            }
            catch (GridException unreadable)
            {
                (failures ??= []).Add(new GridFailure(i, unreadable));
            }
        }

        if (missing is null && failures is null)
            return new(results);
        if (missing is null)
            return ValueTask.FromException<T[]>(Failed(calls, results.Length, failures!));
        ReadOnlyMemory<byte>[] rest = new ReadOnlyMemory<byte>[missing.Count];
        for (int i = 0; i < rest.Length; i++)
            rest[i] = keys[missing[i]];
        return FillAsync(calls, results, missing, calls.ManyAtPrimaries(kind, rest, reader, state, settings, token), failures);
    }

    private static async ValueTask<T[]> FillAsync<T>(KeyspaceCalls calls, T[] results, List<int> missing, ValueTask<T[]> rest, List<GridFailure>? failures)
    {
        try
        {
            T[] found = await rest.ConfigureAwait(false);
            for (int i = 0; i < found.Length; i++)
                results[missing[i]] = found[i];
        }
        catch (GridManyException some)
        {
            (failures ??= []).AddRange(some.Failures.Select(failure => new GridFailure(missing[failure.Index], failure.Error)));
        }

        return failures is null ? results : throw Failed(calls, results.Length, failures);
    }

    private static GridManyException Failed(KeyspaceCalls calls, int count, List<GridFailure> failures)
    {
        failures.Sort(static (a, b) => a.Index.CompareTo(b.Index));
        return GridManyException.Of(calls.Name, count, failures);
    }
}
