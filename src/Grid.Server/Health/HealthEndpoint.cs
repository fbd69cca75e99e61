using System.Net;
using Grid.Server.Configuration;
using Grid.Server.Telemetry;
using Grid.Silo;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Grid.Server.Health;

/// <summary>
/// The silo's health by HTTP, for whatever watches over it: <c>/live</c> answers as long as the process does, <c>/ready</c> says whether the
/// silo takes part in the work, and why not. Up before the silo joins, and until after it has left.
/// </summary>
internal sealed partial class HealthEndpoint(ServerSettings settings, IServiceProvider services, ILogger<HealthEndpoint> logger) : IHostedService, IAsyncDisposable
{
    private WebApplication? _web;

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (settings.Silo.HealthPort == 0)
            return;
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "grid" });
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton(services.GetRequiredService<ILoggerFactory>());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(new IPEndPoint(settings.Address, settings.Silo.HealthPort)));
        _web = builder.Build();
        _web.UseRouting();
        _web.MapGet("/live", static () => Results.Json(new LiveAnswer("live")));
        _web.MapGet("/ready", Ready);
        MetricsEndpoint.Map(_web, settings.Telemetry, services);
        await _web.StartAsync(cancellationToken);
        LogUp(settings.Address, settings.Silo.HealthPort);
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => _web?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _web?.DisposeAsync() ?? ValueTask.CompletedTask;

    private IResult Ready()
    {
        IReadOnlyList<string> obstacles = services.GetRequiredService<GridHealth>().Obstacles();
        return Results.Json(new ReadyAnswer(obstacles.Count == 0, obstacles), statusCode: obstacles.Count == 0 ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }

    private sealed record LiveAnswer(string Status);

    private sealed record ReadyAnswer(bool Ready, IReadOnlyList<string> Obstacles);

    [LoggerMessage(Level = LogLevel.Information, Message = "Health: http://{Address}:{Port}/live and /ready")]
    private partial void LogUp(IPAddress address, int port);
}
