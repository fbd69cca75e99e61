using Grid.Silo.Services;
using Microsoft.Extensions.Logging;

namespace Grid.Silo.Records;

/// <summary>What the stores of the records said last about what they do not guarantee; asked again once it is old.</summary>
internal sealed partial class RecordPromise(IEnumerable<IRecordStorageWarnings> stores, ILogger<RecordPromise> logger)
{
    private const int AgeMsMax = 30_000;
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private Task<IReadOnlyList<string>> _asked = Task.FromResult<IReadOnlyList<string>>([]);
    private long _askedAtMs = long.MinValue / 2;

    /// <summary>What is not guaranteed, a sentence each.</summary>
    public Task<IReadOnlyList<string>> WarningsAsync()
    {
        lock (_lock)
        {
            if (SiloClock.Now.MonotonicMs - _askedAtMs >= AgeMsMax)
            {
                _askedAtMs = SiloClock.Now.MonotonicMs;
                _asked = AskAllAsync();
            }

            return _asked;
        }
    }

    /// <summary>Says it in the log.</summary>
    public async Task TellAsync()
    {
        foreach (string warning in await WarningsAsync())
            LogWarning(warning);
    }

    private async Task<IReadOnlyList<string>> AskAllAsync()
    {
        List<string> warnings = [];
        foreach (IRecordStorageWarnings store in stores)
            warnings.AddRange(await AskAsync(store));
        return warnings;
    }

    private async Task<IReadOnlyList<string>> AskAsync(IRecordStorageWarnings store)
    {
        using CancellationTokenSource deadline = new(AnswerTime);
        try
        {
            return await store.CheckAsync(deadline.Token);
        }
        catch (Exception failure)
        {
            LogNotChecked(failure);
            return [$"What the store of the shard records guarantees could not be checked: {failure.Message}."];
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Warning}")]
    private partial void LogWarning(string warning);

    [LoggerMessage(Level = LogLevel.Debug, Message = "What the store of the shard records guarantees could not be checked")]
    private partial void LogNotChecked(Exception failure);
}
